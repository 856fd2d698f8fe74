-- Brings spilled jobs into their lanes, each once, and before whatever came to its lane later: while Redis was away
-- for one door, another may have gone on queueing.
-- KEYS: 1 ready, 2 leased, 3 tries, 4 lost, 5 stats, 6 wake, 7 dead
-- ARGV: 1 prefix, 2 most messages held, 3 most messages in one lane, 4 seconds of a claim window,
--       then for each job: 16 bytes of digest, lane, id, moment of its arrival (RFC 3339, UTC), payload
-- Reply, for each job: 1 queued (or moved to its place), 0 seen before, -1 full, -2 set aside because its lane
--   overflows, -3 not now: a message that came later is being worked on, or this call has looked at enough
local prefix, most, lane_most, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local this_window = math.floor(time[1] / window)
local room = most - tonumber(redis.call('HGET', KEYS[5], 'depth') or '0') - redis.call('XLEN', KEYS[7])
local queued, taken, woken, looked, waits, out = 0, 0, 0, 0, {}, {}

-- Moments with and without a fraction compare as text once the trailing Z is gone.
local function moment(text) return (string.gsub(text, 'Z$', '')) end
local function job_of(payload)
  local fine, job = pcall(cjson.decode, payload)
  if fine and type(job) == 'table' and type(job.received_at) == 'string' then return job end
  return { received_at = '' }
end

-- A payload, with what was counted of its message while it stood in the lane already.
local COUNTED = '^({"displaced":%[(%d+),(%d+)%],)'
local function counted(standing, payload)
  local head = string.match(standing, COUNTED)
  return head and head .. string.sub(payload, 2) or payload
end

for i = 5, #ARGV, 5 do
  local digest, lane, id, at, payload = ARGV[i], ARGV[i + 1], ARGV[i + 2], moment(ARGV[i + 3]), ARGV[i + 4]
  local bucket = string.byte(digest, 1) * 64 + math.floor(string.byte(digest, 2) / 4)
  local claims = prefix .. 'seen:' .. this_window .. ':' .. bucket
  local earlier = prefix .. 'seen:' .. (this_window - 1) .. ':' .. bucket
  local seen = redis.call('HEXISTS', claims, digest) == 1 or redis.call('HEXISTS', earlier, digest) == 1
  local list = prefix .. 'lane:' .. lane
  local length = redis.call('LLEN', list)
  -- From the tail to the front, past everything that came later, at most a thousand: Redis serves nobody else meanwhile.
  local place, behind, twin = length, nil, nil
  if looked > 500 then waits[lane] = waits[lane] or -3 end
  for index = length - 1, waits[lane] and length or math.max(0, length - 1000), -1 do
    looked = looked + 1
    local standing = redis.call('LINDEX', list, index)
    local job = job_of(standing)
    if job.id == id then
      twin = { index = index, payload = standing, at = moment(job.received_at) }
    elseif moment(job.received_at) > at then
      place, behind = index, standing
    else
      break
    end
  end
  if waits[lane] then
    out[#out + 1] = waits[lane]
  elseif seen and not twin then
    out[#out + 1] = 0
  elseif seen and (twin.index == 0 or not behind or twin.index < place) then
    -- Delivered again meanwhile, and it stands where it belongs: with its first arrival from now on, or what was spilled
    -- with it would go before it. (Whoever is working on it has a copy.)
    if twin and twin.at > at then redis.call('LSET', list, twin.index, counted(twin.payload, payload)) end
    out[#out + 1] = 0
  elseif place == 0 and length > 0 and redis.call('ZSCORE', KEYS[2], lane) then
    waits[lane] = -3
    out[#out + 1] = -3
  elseif not seen and not behind and queued >= room then
    waits[lane] = -1
    out[#out + 1] = -1
  else
    if seen then
      redis.call('LREM', list, -1, twin.payload)
      payload = counted(twin.payload, payload)
    else
      redis.call('HSET', claims, digest, 1)
      if redis.call('HLEN', claims) == 1 then redis.call('EXPIREAT', claims, (this_window + 2) * window) end
      taken = taken + 1
    end
    if not seen and length >= lane_most then
      redis.call('XADD', KEYS[7], '*', 'lane', lane, 'attempts', 0, 'reason', 'lane overflow', 'job', payload)
      out[#out + 1] = -2
    else
      if not seen then queued = queued + 1 end
      local begun = redis.call('HEXISTS', KEYS[3], lane) == 1 or redis.call('HEXISTS', KEYS[4], lane) == 1
      if not behind then
        redis.call('RPUSH', list, payload)
      elseif place > 0 then
        redis.call('LINSERT', list, 'BEFORE', behind, payload)
      else
        if begun then
          -- The head has been started (perhaps only to see that it has to wait). Its counters are its own: it takes
          -- them along, and whoever leases it again finds them there (fetch.lua).
          local tries = tonumber(redis.call('HGET', KEYS[3], lane) or 0)
          local lost = tonumber(redis.call('HGET', KEYS[4], lane) or 0)
          local head, before_tries, before_lost = string.match(behind, COUNTED)
          local rest = string.sub(behind, head and #head + 1 or 2)
          tries, lost = tries + tonumber(before_tries or 0), lost + tonumber(before_lost or 0)
          redis.call('LSET', list, 0, string.format('{"displaced":[%d,%d],', tries, lost) .. rest)
          redis.call('HDEL', KEYS[3], lane)
          redis.call('HDEL', KEYS[4], lane)
        end
        redis.call('LPUSH', list, payload)
      end
      if length == 0 or place == 0 then
        redis.call('ZADD', KEYS[1], now, lane)
        woken = woken + 1
      end
      out[#out + 1] = 1
    end
  end
end
if queued > 0 then redis.call('HINCRBY', KEYS[5], 'depth', queued) end
if taken > 0 then redis.call('HINCRBY', KEYS[5], 'taken', taken) end
for _ = 1, math.min(woken, 64 - redis.call('LLEN', KEYS[6])) do redis.call('LPUSH', KEYS[6], 1) end
return out
