-- KEYS[1] hash ticket -> "name=qty;name=qty", KEYS[2] zset ticket -> deadline (ms of this server), KEYS[3..] stock hashes
--         {b = units available at version v, v = version of the stock level, p = units admitted and not yet granted}
-- ARGV[1] operation, ARGV[2] prefix of the stock keys, ARGV[3] time to live (s), then by operation:
--   admit    ARGV[4] ms until the deadline, ARGV[5] number of asks, per ask: ticket, number of keys, (index of key, qty)...
--            returns {'unknown', index...} and does nothing, or {'done', answer...}: answer is 'ok' or 'final i=short;...'
--            or 'flight i=short;...'
--   settle   ARGV[4] number of tickets, tickets..., then (b, v) per stock key; returns {'done'}
--   push     (b, v) per stock key; returns {'done'}
--   forget   makes the stock keys unknown; returns {'done'}
--   inspect  returns {b, v, p, sum of the pendings} per stock key, '' for what is missing
-- Invariant: p of a key equals the sum of its pendings; a base is only overwritten by a newer version, in the same call
-- that drops the pending which became part of it; a missing key is unknown, never zero and never unlimited.
local operation, prefix, ttl = ARGV[1], ARGV[2], ARGV[3]
local pendings, deadlines = KEYS[1], KEYS[2]
local FIRST = 3
local OVERDUE_AT_ONCE = 20

local function name_of(key)
  return string.sub(key, #prefix + 1)
end

local function each_held(held, visit)
  for name, qty in string.gmatch(held, '([^;=]+)=(%d+)') do
    visit(name, tonumber(qty))
  end
end

local function forget(ticket)
  local held = redis.call('HGET', pendings, ticket)
  redis.call('ZREM', deadlines, ticket)
  if not held then
    return
  end
  redis.call('HDEL', pendings, ticket)
  each_held(held, function(name, qty)
    local key = prefix .. name
    if redis.call('EXISTS', key) == 1 then
      redis.call('HINCRBY', key, 'p', -qty)
    end
  end)
end

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function pending_sums()
  local sums = {}
  for _, held in ipairs(redis.call('HVALS', pendings)) do
    each_held(held, function(name, qty)
      sums[name] = (sums[name] or 0) + qty
    end)
  end
  return sums
end

local function store(at, create)
  local sums
  for i = FIRST, #KEYS do
    local key, base, version = KEYS[i], ARGV[at], ARGV[at + 1]
    at = at + 2
    local known = redis.call('HGET', key, 'v')
    if known and tonumber(known) < tonumber(version) then
      redis.call('HSET', key, 'b', base, 'v', version)
    elseif not known and create then
      sums = sums or pending_sums()
      redis.call('HSET', key, 'b', base, 'v', version, 'p', sums[name_of(key)] or 0)
    end
    redis.call('EXPIRE', key, ttl)
  end
end

local function answer(verdict, short)
  return verdict .. ' ' .. table.concat(short, ';')
end

local function admit()
  local now = now_ms()
  for _, ticket in ipairs(redis.call('ZRANGEBYSCORE', deadlines, '-inf', now, 'LIMIT', 0, OVERDUE_AT_ONCE)) do
    forget(ticket)
  end
  local base, pending, taken, unknown = {}, {}, {}, {}
  for i = FIRST, #KEYS do
    local row = redis.call('HMGET', KEYS[i], 'b', 'p')
    if row[1] then
      base[i], pending[i], taken[i] = tonumber(row[1]), tonumber(row[2]), 0
    else
      unknown[#unknown + 1] = i - FIRST
    end
  end
  if #unknown > 0 then
    return {'unknown', unpack(unknown)}
  end
  local answers, at, deadline = {'done'}, 6, now + tonumber(ARGV[4])
  for _ = 1, tonumber(ARGV[5]) do
    local ticket, count = ARGV[at], tonumber(ARGV[at + 1])
    local known = redis.call('HEXISTS', pendings, ticket) == 1
    local short, final, held = {}, false, {}
    for k = 1, count do
      local index, qty = ARGV[at + 2 * k], tonumber(ARGV[at + 2 * k + 1])
      local i = tonumber(index) + FIRST
      local left = base[i] - pending[i]
      if left < qty then
        short[#short + 1] = index .. '=' .. (qty - math.max(left, 0))
        final = final or base[i] < qty
      end
      held[k] = name_of(KEYS[i]) .. '=' .. qty
    end
    if known or #short == 0 then
      redis.call('ZADD', deadlines, deadline, ticket)
      answers[#answers + 1] = 'ok'
    else
      answers[#answers + 1] = answer(final and 'final' or 'flight', short)
    end
    if not known and #short == 0 then
      redis.call('HSET', pendings, ticket, table.concat(held, ';'))
      for k = 1, count do
        local i, qty = tonumber(ARGV[at + 2 * k]) + FIRST, tonumber(ARGV[at + 2 * k + 1])
        pending[i], taken[i] = pending[i] + qty, taken[i] + qty
      end
    end
    at = at + 2 + 2 * count
  end
  for i, qty in pairs(taken) do
    if qty > 0 then
      redis.call('HINCRBY', KEYS[i], 'p', qty)
    end
  end
  redis.call('EXPIRE', pendings, ttl)
  redis.call('EXPIRE', deadlines, ttl)
  return answers
end

local function settle()
  local tickets = tonumber(ARGV[4])
  for t = 1, tickets do
    forget(ARGV[4 + t])
  end
  store(5 + tickets, false)
  return {'done'}
end

local function push()
  store(4, true)
  return {'done'}
end

local function inspect()
  local sums, found = pending_sums(), {}
  for i = FIRST, #KEYS do
    local row = redis.call('HMGET', KEYS[i], 'b', 'v', 'p')
    for part = 1, 3 do
      found[#found + 1] = row[part] or ''
    end
    found[#found + 1] = tostring(sums[name_of(KEYS[i])] or 0)
  end
  return found
end

local function forget_levels()
  for i = FIRST, #KEYS do
    redis.call('DEL', KEYS[i])
  end
  return {'done'}
end

local operations = {admit = admit, settle = settle, push = push, inspect = inspect, forget = forget_levels}
return operations[operation]()
