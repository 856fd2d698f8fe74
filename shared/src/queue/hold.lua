#!lua flags=allow-oom
-- Lets nothing more leave from a number for a while.
-- KEYS: 1 held, 2 holds
-- ARGV: 1 us, 2 whether it was told of late: by a report, after the provider had taken the message, 3 its name
-- Reply: 1 it is paused now, 0 it was already
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local held = redis.call('HMGET', KEYS[1], 'until', 'probed')
if ARGV[2] == '1' then redis.call('HSET', KEYS[1], 'late', 1) end
if held[1] and not held[2] and now < tonumber(held[1]) then return 0 end
local late = redis.call('HGET', KEYS[1], 'late')
-- What was probed before says nothing about this pause.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[1]))
if late then redis.call('HSET', KEYS[1], 'late', 1) end
-- Whoever waits has asked again by then, and a number that nobody asks for needs no probe.
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ARGV[1] / 1000 + 600000))
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[1] + 600000000), ARGV[3])
local longest = ARGV[1] / 1000 + 600000
if redis.call('PTTL', KEYS[2]) < longest then redis.call('PEXPIRE', KEYS[2], string.format('%.0f', longest)) end
return 1
