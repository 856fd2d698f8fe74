#!lua flags=allow-oom
-- Extends the leases that their holder still has.
-- KEYS: 1 leased, 2 fence, 3 stats
-- ARGV: 1 lease in ms, then for each lease: lane, fence
-- Reply, for each lease: 1 extended, 0 lost
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local out = {}
for i = 2, #ARGV, 2 do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[i])
    out[#out + 1] = 1
  else
    out[#out + 1] = 0
  end
end
return out
