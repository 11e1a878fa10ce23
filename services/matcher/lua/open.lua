-- Puts a ticket into the pool and reads, in the same step, who has waited longest for the like of it.
--
-- KEYS  1 tickets  2 attempts  3 waiting  4 expiries  5 index of buckets
--       6 tombstone of the request  7 whom the user met lately
--       8 … 7+n the n buckets of the ticket, then their n complements
-- ARGV  1 request id  2 attempt  3 since_ms  4 expires_ms  5 ticket (JSON)  6 n  7 page: tickets per bucket
-- Gives {outcome, now_ms, match (JSON) or '', 1 if it entered now, whom the user met, candidates (JSON),
--        1 if there may be more}
--   waiting  it waits: entered now, or already in at this attempt
--   claimed  it was claimed at this attempt: `match` is what was found
--   closed   its request is over, whatever the attempt
--   stale    a greater attempt has been here
--   expired  its time is past
--   older    an earlier attempt is in the pool: take that out, then open again
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id, attempt, expires = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local n, page = tonumber(ARGV[6]), tonumber(ARGV[7])

local function left_out(outcome, match)
  return {outcome, now, match or '', 0, {}, {}, 0}
end

local tombstone = redis.call('HMGET', KEYS[6], 'outcome', 'attempt', 'match')
if tombstone[1] == 'closed' then
  return left_out('closed')
elseif tombstone[1] == 'claimed' then
  local claimed_at = tonumber(tombstone[2])
  if claimed_at == attempt then
    return left_out('claimed', tombstone[3])
  elseif claimed_at > attempt then
    return left_out('stale')
  end
end
if expires <= now then
  return left_out('expired')
end

local present = tonumber(redis.call('HGET', KEYS[2], id) or 0)
if present > attempt then
  return left_out('stale')
elseif present > 0 and present < attempt then
  return left_out('older')
end
local entered = present == 0 and 1 or 0
if entered == 1 then
  redis.call('DEL', KEYS[6])
  redis.call('HSET', KEYS[1], id, ARGV[5])
  redis.call('HSET', KEYS[2], id, attempt)
  redis.call('ZADD', KEYS[3], ARGV[3], id)
  redis.call('ZADD', KEYS[4], ARGV[4], id)
  for i = 8, 7 + n do
    redis.call('ZADD', KEYS[i], ARGV[3], id)
    redis.call('SADD', KEYS[5], KEYS[i])
  end
end

local candidates, seen, more = {}, {[id] = true}, 0
for i = 8 + n, 7 + 2 * n do
  local members = redis.call('ZRANGE', KEYS[i], 0, page - 1)
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
return {'waiting', now, '', entered, redis.call('ZRANGE', KEYS[7], 0, -1), candidates, more}
