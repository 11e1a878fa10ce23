-- Being told something is no sign of life: add who is not yet on the watch list.
-- KEYS[1]  gateway:{presence}:watch, sorted by when a user counts as silent (ms)
-- ARGV[1]  grace, ms
-- ARGV[2…] user ids
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], 'NX', due, ARGV[i])
end
return #ARGV - 1
