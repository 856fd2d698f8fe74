-- Keeps verified bytes that no worker could read, among the dead letters, once.
-- KEYS: 1 dead, 2 stats
-- ARGV: 1 prefix, 2 most messages held, 3 seconds of a claim window, 4 16 bytes of digest, 5 reason, 6 bytes
-- Reply: 1 kept, 0 seen before, -1 full
local prefix, window, digest = ARGV[1], tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local this_window = math.floor(time[1] / window)
local bucket = string.byte(digest, 1) * 64 + math.floor(string.byte(digest, 2) / 4)
local claims = prefix .. 'seen:' .. this_window .. ':' .. bucket
local earlier = prefix .. 'seen:' .. (this_window - 1) .. ':' .. bucket
if redis.call('HEXISTS', earlier, digest) == 1 or redis.call('HEXISTS', claims, digest) == 1 then return 0 end
if redis.call('XLEN', KEYS[1]) + tonumber(redis.call('HGET', KEYS[2], 'depth') or '0') >= tonumber(ARGV[2]) then return -1 end
redis.call('HSET', claims, digest, 1)
if redis.call('HLEN', claims) == 1 then redis.call('EXPIREAT', claims, (this_window + 2) * window) end
redis.call('XADD', KEYS[1], '*', 'lane', '', 'attempts', 0, 'reason', ARGV[5], 'job', ARGV[6])
return 1
