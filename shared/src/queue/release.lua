#!lua flags=allow-oom
-- Lets everything leave again from a number whose probe went well.
-- KEYS: 1 held
-- ARGV: 1 how the probe went: 0 the provider took it, 1 a report says that it went on
-- Reply: 1 released, 0 not paused, not probed, or not to be believed yet
local held = redis.call('HMGET', KEYS[1], 'probed', 'late')
if not held[1] then return 0 end
-- A trouble that only reports tell of is not over because a message was taken.
if held[2] and ARGV[1] == '0' then return 0 end
redis.call('DEL', KEYS[1])
return 1
