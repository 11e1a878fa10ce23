-- Counts who waits in some buckets.
--
-- KEYS  the buckets
-- Gives {waiting, …}
local sizes = {}
for i = 1, #KEYS do
  sizes[i] = redis.call('ZCARD', KEYS[i])
end
return sizes
