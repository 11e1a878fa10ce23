-- Counts one call against a limit (generic cell rate algorithm): the key holds when the
-- allowance would be full again, so that one number is the whole state.
-- KEYS[1]  gateway:limit:<name>:<subject>
-- ARGV[1]  calls a period, also the burst
-- ARGV[2]  period in microseconds
-- returns  0 if admitted, else the microseconds until one call would be
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local period = tonumber(ARGV[2])
local interval = period / tonumber(ARGV[1])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
local next_full = full + interval
local wait = next_full - period - now
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.0f', next_full), 'PX', math.ceil((next_full - now) / 1000))
return 0
