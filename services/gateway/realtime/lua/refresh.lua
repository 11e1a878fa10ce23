-- Every few seconds, per socket: keep the card alive, or take one that lost its owner.
-- KEYS[1]  gateway:{<user>}:card
-- ARGV[1]  connection id
-- ARGV[2]  the gateway that holds the socket
-- ARGV[3]  how long the card lives, ms
-- ARGV[4]  how long the owner counts as connected without a refresh, ms
-- Returns  {1 held as before | 2 taken now | 0 a greater connection holds it, version or -1}
local known = redis.call('HMGET', KEYS[1], 'connection', 'version')
local owner, version = known[1] or '', tonumber(known[2] or '-1')
if owner > ARGV[1] then
  return {0, version}
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'connection', ARGV[1], 'gateway', ARGV[2],
  'alive_until', now_ms + ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if owner == ARGV[1] then
  return {1, version}
end
return {2, version}
