-- A socket said hello: it takes the card unless a greater connection holds it, or held it last:
-- that was minted by a clock ahead of this one, and sessions ignores what a smaller one does.
-- KEYS[1]  gateway:{<user>}:card
-- ARGV[1]  connection id (UUIDv7 text sorts by the time it was minted)
-- ARGV[2]  the gateway that holds the socket
-- ARGV[3]  version of the state in hand, -1 for none
-- ARGV[4]  that state, JSON
-- ARGV[5]  how long the card lives, ms
-- ARGV[6]  how long the owner counts as connected without a refresh, ms
-- Returns  {1 taken | 0 a greater connection holds or held it,
--           gateway and connection of the owner before or '', version on the card, its state or ''}
local known = redis.call('HMGET', KEYS[1], 'connection', 'gateway', 'version', 'released')
local owner, gateway = known[1] or '', known[2] or ''
local taken = 0
if owner <= ARGV[1] and (known[4] or '') <= ARGV[1] then
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], 'connection', ARGV[1], 'gateway', ARGV[2],
    'alive_until', now_ms + ARGV[6])
  taken = 1
end
if tonumber(ARGV[3]) > tonumber(known[3] or '-1') then
  redis.call('HSET', KEYS[1], 'version', ARGV[3], 'state', ARGV[4], 'trace', '')
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local present = redis.call('HMGET', KEYS[1], 'version', 'state')
return {taken, gateway, owner, tonumber(present[1] or '-1'), present[2] or ''}
