#!lua flags=allow-oom
-- Takes jobs out of a lane for good, also the one that is being worked on: whoever holds it finds its lease lost. Their claims
-- stay, so that a redelivery does not bring them back.
-- KEYS: 1 ready, 2 leased, 3 fence, 4 tries, 5 lost, 6 stats, 7 wake
-- ARGV: 1 prefix, 2 lane, then the payloads
-- Reply: how many were there
local lane, list = ARGV[2], ARGV[1] .. 'lane:' .. ARGV[2]
local head, gone, beheaded = redis.call('LINDEX', list, 0), 0, false
for i = 3, #ARGV do
  if redis.call('LREM', list, 1, ARGV[i]) == 1 then
    gone = gone + 1
    if ARGV[i] == head then beheaded = true end
  end
end
if beheaded then
  redis.call('ZREM', KEYS[2], lane)
  for key = 3, 5 do redis.call('HDEL', KEYS[key], lane) end
  if redis.call('EXISTS', list) == 1 then
    local time = redis.call('TIME')
    redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), lane)
    if redis.call('LLEN', KEYS[7]) < 64 then redis.call('LPUSH', KEYS[7], 1) end
  else
    redis.call('ZREM', KEYS[1], lane)
  end
end
if gone > 0 then
  redis.call('HINCRBY', KEYS[6], 'depth', -gone)
  redis.call('HINCRBY', KEYS[6], 'done', gone)
end
return gone
