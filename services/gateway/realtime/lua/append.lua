-- Append a frame to the stream of each receiver, to all at once; once per name, none when over.
-- KEYS[1]  gateway:{<session>}:over, there once the session has ended
-- KEYS[2]  gateway:{<session>}:said:<type>, names of what was said, sorted by when (ms)
-- KEYS[3…] gateway:{<session>}:relay:<receiver>
-- ARGV[1]  the frame's name
-- ARGV[2]  sender
-- ARGV[3]  the frame, JSON
-- ARGV[4]  how many names are kept, the newest
-- ARGV[5]  how many entries a stream keeps, the newest
-- ARGV[6]  how long names and streams live from now on, ms
-- Returns  1 appended | 0 said before | -1 over
if redis.call('EXISTS', KEYS[1]) == 1 then
  return -1
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZADD', KEYS[2], 'NX', now_ms, ARGV[1]) == 0 then
  return 0
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[4]))
redis.call('PEXPIRE', KEYS[2], ARGV[6])
for i = 3, #KEYS do
  local newest = redis.call('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)
  local before = newest[1] and newest[1][1] or '0-0'
  redis.call('XADD', KEYS[i], 'MAXLEN', ARGV[5], '*',
    'before', before, 'sender', ARGV[2], 'at', now_ms, 'frame', ARGV[3])
  redis.call('PEXPIRE', KEYS[i], ARGV[6])
end
return 1
