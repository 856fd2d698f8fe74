#!lua flags=allow-oom
-- Lets a message of ours leave, at once or in a moment, or says when to ask again. A pace is one number, the moment at
-- which all that was let go has been paid for (GCRA): a burst borrows from the future. All is taken, or nothing.
-- KEYS: 1 held, 2 pair, 3 number
-- ARGV: 1 us between two messages to one person, 2 how many may go at once, 3 and 4 the same of the whole number,
--       5 us that are worth waiting for with the turn taken, 6 us that a probe may take, 7 which message it is
-- Reply: {0 later | 1 go | 2 go, as the probe of a number that was paused, us to wait, 1 paused | 2 pair | 3 number}
local pair_every, pair_most, every, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local worth, probe = tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end
local function keep(key, moment) redis.call('PEXPIREAT', key, text(moment / 1000 + 1000)) end
local held = redis.call('HMGET', KEYS[1], 'until', 'probed')
if held[1] and now < tonumber(held[1]) then
  local wait = held[1] - now
  -- A probe may be back long before its time is over.
  if held[2] then wait = math.min(wait, 1000000) end
  return { 0, wait, 1 }
end
local pair = math.max(tonumber(redis.call('HGET', KEYS[2], 'paid') or 0), now) + pair_every
local pair_wait = math.max(0, pair - now - pair_every * pair_most)
if pair_wait > worth then return { 0, pair_wait, 2 } end
local known = redis.call('HMGET', KEYS[3], 'paid', 'line')
local number = math.max(tonumber(known[1] or 0), now) + every
local wait = math.max(0, number - now - every * most)
if wait > worth then
  -- Everybody who is sent away is told a moment of their own: a crowd that came back together would only meet itself.
  local line = math.max(tonumber(known[2] or 0) + every, number)
  redis.call('HSET', KEYS[3], 'line', text(line))
  keep(KEYS[3], line)
  return { 0, line - now - every * most, 3 }
end
redis.call('HSET', KEYS[2], 'paid', text(pair))
keep(KEYS[2], pair)
redis.call('HSET', KEYS[3], 'paid', text(number))
keep(KEYS[3], math.max(number, tonumber(known[2] or 0)))
wait = math.max(wait, pair_wait)
if not held[1] then return { 1, wait, 0 } end
-- The pause is over. One message finds out whether its reason is; the others wait for what it finds.
redis.call('HSET', KEYS[1], 'until', text(now + wait + probe), 'probed', 1, 'probe:' .. ARGV[7], 1)
return { 2, wait, 0 }
