-- Who has been silent for longer than the grace? Each is handed out once in `again` ms.
-- KEYS[1]  gateway:{presence}:watch, sorted by when a user counts as silent (ms)
-- KEYS[2]  gateway:{presence}:swept, when the list was last swept (ms)
-- KEYS[3]  gateway:{presence}:hold, there while nobody may be called silent
-- ARGV[1]  grace, ms
-- ARGV[2]  a sweep older than this (ms) means a pause: signs of life were lost with it
-- ARGV[3]  again, ms
-- ARGV[4]  how many at most
-- Returns  {now in ms, held back 1 | 0, user ids…}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local swept = tonumber(redis.call('GET', KEYS[2]) or '0')
redis.call('SET', KEYS[2], string.format('%d', now))
if now - swept > tonumber(ARGV[2]) then
  redis.call('SET', KEYS[3], '1', 'PX', ARGV[1])
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  return {now, 1}
end
local found = {now, 0}
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[4])
for _, user in ipairs(silent) do
  redis.call('ZADD', KEYS[1], now + ARGV[3], user)
  found[#found + 1] = user
end
return found
