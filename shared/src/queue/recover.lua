#!lua flags=allow-oom
-- Gives back the leases of one owner that the owner does not know about: their reply was lost on the way. No
-- attempt is counted, since none was started. One page of the fences a call.
-- KEYS: 1 ready, 2 leased, 3 fence, 4 tries, 5 wake
-- ARGV: 1 owner, 2 cursor, then the fences that the owner knows
-- Reply: {next cursor, lanes given back}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner, known, back = ARGV[1] .. ':', {}, 0
for i = 3, #ARGV do known[ARGV[i]] = true end
local page = redis.call('HSCAN', KEYS[3], ARGV[2], 'COUNT', 200)
local found = page[2]
for i = 1, #found, 2 do
  local lane, token = found[i], found[i + 1]
  if string.sub(token, 1, #owner) == owner and not known[token] then
    redis.call('HDEL', KEYS[3], lane)
    redis.call('ZREM', KEYS[2], lane)
    if redis.call('HINCRBY', KEYS[4], lane, -1) <= 0 then redis.call('HDEL', KEYS[4], lane) end
    redis.call('ZADD', KEYS[1], now, lane)
    back = back + 1
  end
end
for _ = 1, math.min(back, 64 - redis.call('LLEN', KEYS[5])) do redis.call('LPUSH', KEYS[5], 1) end
return { page[1], back }
