-- Takes a ticket out of the pool, if it is still the one the caller read (whose buckets are in KEYS).
--
-- KEYS  1 tickets  2 attempts  3 waiting  4 expiries  5 tombstone of the request  6 … its buckets
-- ARGV  1 request id  2 the ticket as read (JSON), '' if there was none
--       3 tombstone until (ms since 1970): no attempt enters before then; '' leaves no tombstone
-- Gives 1 if done, 0 if another ticket stands there by now: read again
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
for i = 6, #KEYS do
  redis.call('ZREM', KEYS[i], ARGV[1])
end
if ARGV[3] ~= '' then
  redis.call('DEL', KEYS[5])
  redis.call('HSET', KEYS[5], 'outcome', 'closed')
  redis.call('PEXPIREAT', KEYS[5], ARGV[3])
end
return 1
