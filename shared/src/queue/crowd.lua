#!lua flags=allow-oom
-- A provider found a pace too fast: nothing more is paid for before this much time has passed.
-- KEYS: 1 pair or number
-- ARGV: 1 us
local time = redis.call('TIME')
local paid = time[1] * 1000000 + time[2] + ARGV[1]
if tonumber(redis.call('HGET', KEYS[1], 'paid') or 0) < paid then
  redis.call('HSET', KEYS[1], 'paid', string.format('%.0f', paid))
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', paid / 1000 + 1000))
end
return 1
