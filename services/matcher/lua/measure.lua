-- Counts who waits in some buckets and reads their recent waits; forgets a bucket that has neither.
--
-- KEYS  1 index of buckets  2, 3 a bucket and its recent waits  4, 5 the next …
-- Gives {waiting, recent waits in ms (newest first), waiting, recent waits, …}
local measured = {}
for i = 2, #KEYS, 2 do
  local waiting = redis.call('ZCARD', KEYS[i])
  local waits = redis.call('LRANGE', KEYS[i + 1], 0, -1)
  if waiting == 0 and #waits == 0 then
    redis.call('SREM', KEYS[1], KEYS[i])
  end
  measured[#measured + 1] = waiting
  measured[#measured + 1] = waits
end
return measured
