-- Forgets matches that have been published.
--
-- KEYS  1 unpublished  2 claimed
-- ARGV  1 … the match ids
redis.call('HDEL', KEYS[1], unpack(ARGV))
redis.call('ZREM', KEYS[2], unpack(ARGV))
