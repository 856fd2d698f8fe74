#!lua flags=allow-oom
-- Extends the leases that their holder still has.
-- KEYS: 1 leased, 2 fence, 3 stats, 4 workers
-- ARGV: 1 lease in ms, then for each lease: lane, fence (all of one owner)
-- Reply, for each lease: 1 extended, 0 lost
local time = redis.call('TIME')
local now, lease = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[1])
-- The same mark as in fetch: workers whose slots are all taken fetch nothing, yet they show that leases can be
-- renewed. Without it every fetch of a busy system would look like the first after an outage, and the leases of
-- a dead worker would never expire.
local seen = tonumber(redis.call('HGET', KEYS[3], 'seen') or now)
if now - seen > lease / 2 then redis.call('HSET', KEYS[3], 'grace', now + lease / 2) end
if now - seen > math.min(250, lease / 4) then redis.call('HSET', KEYS[3], 'seen', now) end
-- A worker whose slots are all taken is alive as well.
local owner = ARGV[3] and string.match(ARGV[3], '^(.*):')
if owner then redis.call('ZADD', KEYS[4], now, owner) end
local out = {}
for i = 2, #ARGV, 2 do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    redis.call('ZADD', KEYS[1], 'XX', now + lease, ARGV[i])
    out[#out + 1] = 1
  else
    out[#out + 1] = 0
  end
end
return out
