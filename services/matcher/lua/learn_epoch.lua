-- Writes the epoch, if the mark that was set before the loss was told still stands: had Redis been
-- emptied again in the meantime, that loss would go untold.
--
-- KEYS  1 epoch
-- ARGV  1 mark  2 epoch
-- Gives 1 if written
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
