#!lua flags=allow-oom
-- Lets everything leave again from a number whose probe went well.
-- KEYS: 1 held, 2 holds
-- ARGV: 1 how the probe went: 0 the provider took it, 1 a report says that it went on, 2 which message it is, 3 its name
-- Reply: 1 released, 0 not paused, not by a probe of this pause, or not to be believed yet
-- What left before the pause may arrive at any time, and says nothing about it.
if redis.call('HEXISTS', KEYS[1], 'probe:' .. ARGV[2]) == 0 then return 0 end
-- A trouble that only reports tell of is not over because a message was taken.
if ARGV[1] == '0' and redis.call('HEXISTS', KEYS[1], 'late') == 1 then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[3])
return 1
