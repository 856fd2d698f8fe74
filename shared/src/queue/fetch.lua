#!lua flags=allow-oom
-- Leases the heads of the lanes that have waited longest. A head stays in its list until it is settled.
-- KEYS: 1 ready, 2 leased, 3 fence, 4 tries, 5 lost, 6 stats, 7 dead, 8 workers
-- ARGV: 1 prefix, 2 lease in ms, 3 most to lease, 4 lost leases after which nobody gets it again, 5 owner
-- Reply: {ms until the next lane is due or -1, {lane, fence, tries, lost, payload, ...}}
local prefix, lease, most, lost_most, owner = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- After a gap in which nobody could have renewed (Redis was down, frozen or loading), living workers get half a
-- lease to renew before their leases may expire.
local marks = redis.call('HMGET', KEYS[6], 'seen', 'grace')
local seen, grace = tonumber(marks[1] or now), tonumber(marks[2] or 0)
if now - seen > lease / 2 and redis.call('ZCARD', KEYS[2]) > 0 then
  grace = now + lease / 2
  redis.call('HSET', KEYS[6], 'grace', grace)
end
if not marks[1] or now - seen > math.min(250, lease / 4) then
  redis.call('HSET', KEYS[6], 'seen', now)
  redis.call('ZREMRANGEBYSCORE', KEYS[8], '-inf', now - 10 * lease)
end
redis.call('ZADD', KEYS[8], now, owner)

if now >= grace then
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 50)) do
    redis.call('ZREM', KEYS[2], lane)
    redis.call('HDEL', KEYS[3], lane)
    local lost = redis.call('HINCRBY', KEYS[5], lane, 1)
    local list = prefix .. 'lane:' .. lane
    if lost >= lost_most then
      local payload, tries = redis.call('LPOP', list), redis.call('HGET', KEYS[4], lane)
      redis.call('HDEL', KEYS[4], lane)
      redis.call('HDEL', KEYS[5], lane)
      if payload then
        redis.call('HINCRBY', KEYS[6], 'depth', -1)
        redis.call('XADD', KEYS[7], '*', 'lane', lane, 'attempts', tries or 0, 'reason', 'its workers kept dying', 'job', payload)
      end
    end
    if redis.call('EXISTS', list) == 1 then
      redis.call('ZADD', KEYS[1], now, lane)
    else
      -- What was counted belonged to a head that is gone: the lane's next message starts from nothing.
      redis.call('HDEL', KEYS[4], lane)
      redis.call('HDEL', KEYS[5], lane)
    end
  end
end

if redis.call('EXISTS', prefix .. 'paused') == 1 then return { 1000, {} } end

local lanes = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, most)
if #lanes == 0 then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  -- No lane at all: whatever the count still says stood in ghosts.
  if not first[1] and redis.call('ZCARD', KEYS[2]) == 0 then redis.call('HDEL', KEYS[6], 'depth') end
  return { first[2] and math.max(1, math.ceil(first[2] - now)) or -1, {} }
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, #lanes - 1)
local fence = redis.call('HINCRBY', KEYS[6], 'fence', #lanes) - #lanes
local lost = redis.call('HMGET', KEYS[5], unpack(lanes))
local out, leases, fences = {}, {}, {}
for i, lane in ipairs(lanes) do
  local payload = redis.call('LINDEX', prefix .. 'lane:' .. lane, 0)
  -- A lane without a head is a ghost (a restored or edited database): dropped here, never handed out.
  if payload then
    local token = owner .. ':' .. string.format('%d', fence + i)
    leases[#leases + 1] = now + lease
    leases[#leases + 1] = lane
    fences[#fences + 1] = lane
    fences[#fences + 1] = token
    out[#out + 1] = lane
    out[#out + 1] = token
    -- What was counted before an earlier message took its place (restore.lua).
    local tries_before, lost_before = string.match(payload, '^{"displaced":%[(%d+),(%d+)%],')
    -- An attempt counts when it starts: a message that kills its worker is counted too.
    out[#out + 1] = redis.call('HINCRBY', KEYS[4], lane, 1) + tonumber(tries_before or 0)
    out[#out + 1] = tonumber(lost[i] or 0) + tonumber(lost_before or 0)
    out[#out + 1] = payload
  else
    redis.call('HDEL', KEYS[4], lane)
    redis.call('HDEL', KEYS[5], lane)
  end
end
if #leases > 0 then
  redis.call('ZADD', KEYS[2], unpack(leases))
  redis.call('HSET', KEYS[3], unpack(fences))
end
return { 0, out }
