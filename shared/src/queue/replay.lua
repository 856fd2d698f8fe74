-- Takes a dead letter back into its lane, as its last message. The claim on its id stays as it is.
-- KEYS: 1 dead, 2 ready, 3 stats, 4 wake
-- ARGV: 1 prefix, 2 id of the dead letter
-- Reply: 1 queued, 0 it is no longer there
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if not entry then return 0 end
local lane, payload
for i = 1, #entry[2], 2 do
  if entry[2][i] == 'lane' then lane = entry[2][i + 1] end
  if entry[2][i] == 'job' then payload = entry[2][i + 1] end
end
if redis.call('RPUSH', ARGV[1] .. 'lane:' .. lane, payload) == 1 then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), lane)
  if redis.call('LLEN', KEYS[4]) < 64 then redis.call('LPUSH', KEYS[4], 1) end
end
redis.call('HINCRBY', KEYS[3], 'depth', 1)
redis.call('XDEL', KEYS[1], ARGV[2])
return 1
