-- A socket closed: its card has no owner any more, but knows the last, unless another took it.
-- KEYS[1]  gateway:{<user>}:card
-- ARGV[1]  connection id
-- Returns  1 released, 0 not ours
if redis.call('HGET', KEYS[1], 'connection') ~= ARGV[1] then
  return 0
end
redis.call('HDEL', KEYS[1], 'connection', 'gateway', 'alive_until')
redis.call('HSET', KEYS[1], 'released', ARGV[1])
return 1
