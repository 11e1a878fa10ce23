-- Takes two tickets out of the pool as a match, if both still wait at the attempts that were scored;
-- else changes nothing. The match is kept as unpublished until its publishing is confirmed.
--
-- KEYS  1 tickets  2 attempts  3 waiting  4 expiries  5 unpublished  6 claimed
--       7, 8 tombstones  9, 10 whom each user met lately  11, 12 recent waits  (first, second ticket)
--       13 … the buckets of both
-- ARGV  1 match id  2 match (JSON)  3, 4 request ids  5, 6 attempts  7, 8 user ids
--       9 tombstone_ms past the ticket's time  10 met_ms kept  11 met at most
--       12 waits_ms kept  13 waits at most
-- Gives 'claimed' (also when this very match was claimed before), 'first' or 'second': which is gone
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids, attempts, users = {ARGV[3], ARGV[4]}, {ARGV[5], ARGV[6]}, {ARGV[7], ARGV[8]}
assert(ids[1] ~= ids[2] and users[1] ~= users[2], 'nobody is paired with themselves')

local expires = {}
for side, gone in ipairs({'first', 'second'}) do
  expires[side] = tonumber(redis.call('ZSCORE', KEYS[4], ids[side]) or 0)
  local present = redis.call('HGET', KEYS[2], ids[side])
  if present ~= attempts[side] or expires[side] <= now then
    local repeated = redis.call('HGET', KEYS[6 + side], 'match') == ARGV[2]
    return repeated and 'claimed' or gone
  end
end

for side = 1, 2 do
  local waited = now - tonumber(redis.call('ZSCORE', KEYS[3], ids[side]))
  local waits = KEYS[10 + side]
  redis.call('LPUSH', waits, math.max(0, waited))
  redis.call('LTRIM', waits, 0, ARGV[13] - 1)
  redis.call('PEXPIRE', waits, ARGV[12])

  local met = KEYS[8 + side]
  redis.call('ZADD', met, now, users[3 - side])
  redis.call('ZREMRANGEBYSCORE', met, '-inf', now - ARGV[10])
  redis.call('ZREMRANGEBYRANK', met, 0, -1 - ARGV[11])
  redis.call('PEXPIRE', met, ARGV[10])

  local tombstone = KEYS[6 + side]
  redis.call('HSET', tombstone, 'outcome', 'claimed', 'attempt', attempts[side], 'match', ARGV[2])
  redis.call('PEXPIREAT', tombstone, expires[side] + ARGV[9])
end
redis.call('HDEL', KEYS[1], ids[1], ids[2])
redis.call('HDEL', KEYS[2], ids[1], ids[2])
redis.call('ZREM', KEYS[3], ids[1], ids[2])
redis.call('ZREM', KEYS[4], ids[1], ids[2])
for i = 13, #KEYS do
  redis.call('ZREM', KEYS[i], ids[1], ids[2])
end
redis.call('HSET', KEYS[5], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[6], now, ARGV[1])
return 'claimed'
