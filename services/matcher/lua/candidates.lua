-- Reads a page of who has waited longest in some buckets; changes nothing.
--
-- KEYS  1 tickets  2 whom the user met lately  3 … the buckets
-- ARGV  1 request id to leave out  2 offset into each bucket  3 page: tickets per bucket
-- Gives {now_ms, whom the user met, candidates (JSON), 1 if there may be more}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local offset, page = tonumber(ARGV[2]), tonumber(ARGV[3])

local candidates, seen, more = {}, {[ARGV[1]] = true}, 0
for i = 3, #KEYS do
  local members = redis.call('ZRANGE', KEYS[i], offset, offset + page - 1)
  if #members == page then
    more = 1
  end
  for _, member in ipairs(members) do
    if not seen[member] then
      seen[member] = true
      candidates[#candidates + 1] = redis.call('HGET', KEYS[1], member) or nil
    end
  end
end
return {now, redis.call('ZRANGE', KEYS[2], 0, -1), candidates, more}
