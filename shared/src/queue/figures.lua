-- How deep, how old: every figure at O(1) or O(log N).
-- KEYS: 1 ready, 2 leased, 3 stats, 4 dead, 5 workers, 6 paused
-- ARGV: 1 lease in ms
-- Reply: {messages waiting or leased, lanes, leased, delayed, dead, ms the oldest runnable head has waited,
--         workers alive, messages ever taken in, messages ever finished, 1 when paused}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stats = redis.call('HMGET', KEYS[3], 'depth', 'taken', 'done')
local depth = tonumber(stats[1] or '0')
local ready, leased = redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2])
local delayed = redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')
local oldest = 0
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if first[2] then oldest = math.max(oldest, now - first[2]) end
-- A lease past its deadline is runnable as well: nobody has come to take it over.
local expired = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if expired[2] then oldest = math.max(oldest, now - expired[2]) end
return {
  depth, ready + leased, leased, delayed, redis.call('XLEN', KEYS[4]), math.floor(oldest),
  redis.call('ZCOUNT', KEYS[5], now - ARGV[1], '+inf'), tonumber(stats[2] or '0'), tonumber(stats[3] or '0'),
  redis.call('EXISTS', KEYS[6]),
}
