-- Signs of life of users; who is not on the watch list has nothing open and is left out.
-- KEYS[1]  gateway:{presence}:watch, sorted by when a user counts as silent (ms)
-- ARGV[1]  grace, ms
-- ARGV[2…] user ids
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], 'XX', due, ARGV[i])
end
return #ARGV - 1
