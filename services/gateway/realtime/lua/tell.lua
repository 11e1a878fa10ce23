-- Put a state on a user's card if it is newer, and say whose socket to wake.
-- KEYS[1]  gateway:{<user>}:card
-- ARGV[1]  version of the state
-- ARGV[2]  the state, JSON; empty: the user is erased, keep the version alone
-- ARGV[3]  how long the card lives, ms
-- ARGV[4]  the traceparent of what changed it, or ''
-- Returns  {1 newer | 0 equal | -1 older, gateway or '', connection or ''}
local known = redis.call('HMGET', KEYS[1], 'version', 'gateway', 'connection')
local version = tonumber(ARGV[1])
local present = tonumber(known[1] or '-1')
local verdict = 0
if version > present then verdict = 1 elseif version < present then verdict = -1 end
if verdict == 1 then
  if ARGV[2] == '' then
    -- Nothing of the user stays, but an older state that comes late must not bring it back.
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'version', ARGV[1], 'erased', '1')
  else
    redis.call('HSET', KEYS[1], 'version', ARGV[1], 'state', ARGV[2], 'trace', ARGV[4])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {verdict, known[2] or '', known[3] or ''}
