#!lua flags=allow-oom
-- Ends leases. Only the holder of the current fence changes anything.
-- KEYS: 1 ready, 2 leased, 3 fence, 4 tries, 5 lost, 6 stats, 7 dead, 8 wake
-- ARGV: 1 prefix, then for each lease: lane, fence, verb, argument
--   done | retry <ms> (the attempt counts) | wait <ms> (it does not) | dead <reason>
-- Reply, for each lease: 1 settled, 0 stale
local prefix = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lanes, out = {}, {}
for i = 2, #ARGV, 4 do lanes[#lanes + 1] = ARGV[i] end
local fences = redis.call('HMGET', KEYS[3], unpack(lanes))
local ended, popped, buried, ready, woken, finished, taken = {}, 0, 0, {}, 0, {}, {}
for k, lane in ipairs(lanes) do
  local i = 4 * k - 2
  -- A lease that stands twice in one call ends once: the second would pop the message behind it.
  if fences[k] ~= ARGV[i + 1] or taken[lane] then
    out[k] = 0
  else
    out[k] = 1
    taken[lane] = true
    ended[#ended + 1] = lane
    local verb, argument, list, due = ARGV[i + 2], ARGV[i + 3], prefix .. 'lane:' .. lane, nil
    if verb == 'done' or verb == 'dead' then
      local payload = redis.call('LPOP', list)
      if payload then popped = popped + 1 end
      if verb == 'dead' and payload then
        buried = buried + 1
        redis.call('XADD', KEYS[7], '*', 'lane', lane, 'attempts', redis.call('HGET', KEYS[4], lane) or 0,
          'reason', argument, 'job', payload)
      end
      finished[#finished + 1] = lane
      if redis.call('EXISTS', list) == 1 then due = now end
    else
      due = now + tonumber(argument)
      if verb == 'wait' then
        if redis.call('HINCRBY', KEYS[4], lane, -1) <= 0 then redis.call('HDEL', KEYS[4], lane) end
      end
    end
    if due then
      ready[#ready + 1] = due
      ready[#ready + 1] = lane
      if due <= now then woken = woken + 1 end
    end
  end
end
if #ended > 0 then
  redis.call('HDEL', KEYS[3], unpack(ended))
  redis.call('ZREM', KEYS[2], unpack(ended))
end
if #finished > 0 then
  redis.call('HDEL', KEYS[4], unpack(finished))
  redis.call('HDEL', KEYS[5], unpack(finished))
end
if #ready > 0 then redis.call('ZADD', KEYS[1], unpack(ready)) end
if popped > 0 then
  redis.call('HINCRBY', KEYS[6], 'depth', -popped)
  redis.call('HINCRBY', KEYS[6], 'done', popped - buried)
end
for _ = 1, math.min(woken, 64 - redis.call('LLEN', KEYS[8])) do redis.call('LPUSH', KEYS[8], 1) end
return out
