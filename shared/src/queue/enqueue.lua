-- Claims ids and appends their jobs, in one atomic step: a claimed id is always a queued job.
-- KEYS: 1 ready, 2 stats, 3 wake, 4 dead
-- ARGV: 1 prefix, 2 most messages held, 3 most messages in one lane, 4 seconds of a claim window,
--       then for each job: 16 bytes of digest, lane, payload
-- Reply, for each job: 1 queued, 0 seen before, -1 full, -2 set aside because its lane overflows
local prefix, most, lane_most, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local call, time = redis.call, redis.call('TIME')
local this_window = math.floor(time[1] / window)
-- As text once: each number in a call is printed anew, with all the digits that a fraction could have.
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
local forgotten = string.format('%d', (this_window + 2) * window)
local room = most - tonumber(call('HGET', KEYS[2], 'depth') or '0') - call('XLEN', KEYS[4])
local this_seen, last_seen = prefix .. 'seen:' .. this_window .. ':', prefix .. 'seen:' .. (this_window - 1) .. ':'
local queued, taken, ready, out = 0, 0, {}, {}
for i = 5, #ARGV, 3 do
  local digest, lane = ARGV[i], ARGV[i + 1]
  -- Claims live in small hashes, which Redis stores densely; two windows cover every redelivery.
  local bucket = string.byte(digest, 1) * 64 + math.floor(string.byte(digest, 2) / 4)
  local claims = this_seen .. bucket
  if call('HEXISTS', last_seen .. bucket, digest) == 1 then
    out[#out + 1] = 0
  elseif queued >= room then
    out[#out + 1] = call('HEXISTS', claims, digest) - 1
  elseif call('HSETNX', claims, digest, '1') == 0 then
    out[#out + 1] = 0
  else
    if call('HLEN', claims) == 1 then call('EXPIREAT', claims, forgotten) end
    taken = taken + 1
    local list = prefix .. 'lane:' .. lane
    local length = call('RPUSH', list, ARGV[i + 2])
    if length > lane_most then
      -- Rare, and so it is found out afterwards: nobody else sees the list meanwhile.
      call('RPOP', list)
      call('XADD', KEYS[4], '*', 'lane', lane, 'attempts', 0, 'reason', 'lane overflow', 'job', ARGV[i + 2])
      room = room - 1
      out[#out + 1] = -2
    else
      queued = queued + 1
      if length == 1 then
        ready[#ready + 1] = now
        ready[#ready + 1] = lane
      end
      out[#out + 1] = 1
    end
  end
end
local woken = #ready / 2
if woken > 0 then call('ZADD', KEYS[1], unpack(ready)) end
if queued > 0 then call('HINCRBY', KEYS[2], 'depth', queued) end
if taken > 0 then call('HINCRBY', KEYS[2], 'taken', taken) end
-- One token per lane that woke, bounded: a token says "look again", it never carries a job.
for _ = 1, math.min(woken, 64 - call('LLEN', KEYS[3])) do call('LPUSH', KEYS[3], 1) end
return out
