-- Which numbers are paused now. Those whose pause was never ended by a probe leave with it.
-- KEYS: 1 holds
-- Reply: their names
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', time[1] * 1000000 + time[2]))
return redis.call('ZRANGE', KEYS[1], 0, -1)
