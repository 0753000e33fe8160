-- A token bucket with a gate: one per (shop, operation), shared by all workers.
-- KEYS[1]  bucket hash {tokens, at_ms, until_ms, rate, burst}
-- ARGV[1]  "take" or "tell"
--   take:  ARGV[2] tokens per second, ARGV[3] burst, ARGV[4] cost
--          returns milliseconds to wait; 0 = the tokens are taken
--   tell:  ARGV[2] tokens available now or "", ARGV[3] tokens per second or "", ARGV[4] burst or "",
--          ARGV[5] milliseconds for which the channel refuses or ""
--          returns 0
-- Invariant: tokens never exceed burst; a call that costs more than burst passes when the bucket is full and leaves it
-- in debt, so that it is slow but never stuck. What the channel told wins over what was declared.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'tokens', 'at_ms', 'until_ms', 'rate', 'burst')
local closed_until = tonumber(known[3] or 0) or 0

if ARGV[1] == 'tell' then
  if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'tokens', ARGV[2], 'at_ms', now) end
  if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'rate', ARGV[3]) end
  if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'burst', ARGV[4]) end
  local keep = 3600000
  if ARGV[5] ~= '' then
    local till = now + tonumber(ARGV[5])
    if till > closed_until then redis.call('HSET', KEYS[1], 'until_ms', till) end
    keep = keep + tonumber(ARGV[5])
  end
  redis.call('PEXPIRE', KEYS[1], keep)
  return 0
end

local rate = tonumber(known[4] or ARGV[2]) or tonumber(ARGV[2])
local burst = tonumber(known[5] or ARGV[3]) or tonumber(ARGV[3])
local cost = tonumber(ARGV[4])
if closed_until > now then return closed_until - now end

local tokens = tonumber(known[1] or burst) or burst
local at = tonumber(known[2] or now) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate / 1000)
local need = math.min(cost, burst)
if tokens < need then
  return math.max(1, math.ceil((need - tokens) * 1000 / rate))
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - cost), 'at_ms', now)
redis.call('PEXPIRE', KEYS[1], 3600000 + math.max(0, closed_until - now))
return 0
