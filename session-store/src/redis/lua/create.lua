-- Creates a session: device rule, limit, record, index, device memory, history, event.
--
-- KEYS[1] the session's record
-- ARGV[6] session's 16 characters    ARGV[7] user id            ARGV[8] flags, a byte
-- ARGV[9] fingerprint, 8 bytes       ARGV[10] address, 16 bytes ARGV[11] verifier, 32 bytes
-- ARGV[12] body                      ARGV[13] stub              ARGV[14] absolute timeout, ms
-- ARGV[15] idle timeout, ms          ARGV[16] limit; 0 = none   ARGV[17] policy
-- ARGV[18] devices remembered        ARGV[19] for how long, ms
-- Returns { outcome, now, new device (1, 0; -1 = no fingerprint), { id, reason, record, … } }.
-- Outcomes: 'created'; and, with nothing changed, 'taken' (the id exists), 'limit' (refused), or
-- 'more' (some of very many sessions over the limit were evicted: call again).

local id, uid, flags, fingerprint = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local limit, policy = tonumber(ARGV[16]), ARGV[17]
local user = user_of(uid)
local ended = {}

-- What orders a session for eviction: by the policy's time, then by its creation, then by its id.
local function order(candidate)
  local times = redis.call('GETRANGE', record_key(candidate), 6, 17)
  local created, last_activity = 0, 0
  if #times == 12 then
    created, last_activity = struct.unpack('>I6I6', times)
  end
  local by_activity = policy == 'evict-least-recently-active'
  return { id = candidate, time = by_activity and last_activity or created, created = created }
end

local function goes_first(a, b)
  if a.time ~= b.time then
    return a.time < b.time
  end
  if a.created ~= b.created then
    return a.created < b.created
  end
  return precedes(a.id, b.id)
end

-- The sessions to evict so that one more fits, without `same`, which ends anyway.
local function choose(excess, same)
  local candidates = {}
  for _, candidate in ipairs(redis.call('ZRANGEBYSCORE', user.index, now, '+inf')) do
    if candidate ~= same then
      candidates[#candidates + 1] = order(candidate)
    end
  end
  if excess == 1 then
    -- As good as always. Sorting takes several times as long.
    local first = candidates[1]
    for _, candidate in ipairs(candidates) do
      if goes_first(candidate, first) then
        first = candidate
      end
    end
    return { first.id }
  end
  table.sort(candidates, goes_first)
  local chosen = {}
  for i = 1, excess do
    chosen[i] = candidates[i].id
  end
  return chosen
end

if redis.call('EXISTS', KEYS[1]) == 1 then
  return { 'taken', now, -1, {} }
end
claim_memory(KEYS[1])
settle(user)
forget_devices(user, tonumber(ARGV[19]))

local same, known
local evicted = {}
if fingerprint ~= NO_FINGERPRINT then
  same, known = session_of_device(user, fingerprint)
end
if limit > 0 then
  local excess = redis.call('ZCOUNT', user.index, now, '+inf') - (same and 1 or 0) - limit + 1
  if excess > 0 and policy == 'reject' then
    trim_history(user)
    return { 'limit', now, -1, {} }
  end
  if excess > BATCH then
    -- Only after the limit was lowered a lot: those that expire soonest go, in bounded steps.
    for _, ending in ipairs(redis.call('ZRANGEBYSCORE', user.index, now, '+inf', 'LIMIT', 0, BATCH)) do
      if ending ~= same then
        finish_and_report(ended, user, ending, 'evicted')
      end
    end
    trim_history(user)
    return { 'more', now, -1, ended }
  end
  if excess > 0 then
    evicted = choose(excess, same)
  end
end
if same then
  finish_and_report(ended, user, same, 'replaced')
end
for _, ending in ipairs(evicted) do
  finish_and_report(ended, user, ending, 'evicted')
end

local session = {
  created = now,
  last_activity = now,
  absolute = now + tonumber(ARGV[14]),
  idle = tonumber(ARGV[15]),
  number = string.byte(flags) % 2 == 1,
  fingerprint = fingerprint,
}
local header = '\1' .. flags .. struct.pack('>I4I6I6I6I6', 0, now, now, session.absolute, session.idle)
  .. fingerprint .. ARGV[10] .. ARGV[11] .. struct.pack('>I2', #uid)
redis.call('SET', KEYS[1], header .. uid .. ARGV[12], 'PXAT', string.format('%.0f', expiry(session)))
if history_max > 0 then
  redis.call('HSET', user.stubs, id, struct.pack('>I6I6', now, now) .. flags .. ARGV[13])
end
index(user, id, session)
trim_devices(user, tonumber(ARGV[18]))
trim_history(user)

local new_device = fingerprint == NO_FINGERPRINT and -1 or (known and 0 or 1)
local detail = ({ [-1] = '-', [0] = 'known', [1] = 'new' })[new_device]
publish('created', now, id, detail, session.number, user)
return { 'created', now, new_device, ended }
