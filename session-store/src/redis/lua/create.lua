-- Creates a session: device rule, limit, record, index, device memory, history, event.
--
-- KEYS[1] the session's record
-- ARGV[1] the record from its address on   ARGV[2] absolute timeout, ms
-- Returns { outcome, now, new device (1, 0; -1 = no fingerprint), { id, reason, record, … } }.
-- Outcomes: 'created'; without a session 'taken' (the id exists; nothing has changed), 'limit'
-- (refused), or 'more' (some of very many sessions over the limit were evicted: call again).

local rest, absolute = ARGV[1], now + ARGV[2]
local id, fingerprint = sub(KEYS[1], -16), sub(rest, 53, 60)
local uid_bytes, texts_bytes = struct.unpack('>I2I2', rest, 62)
local number = byte(rest, 61) >= 128
local has_device = fingerprint ~= NO_FINGERPRINT
of_user(sub(rest, 70, 69 + uid_bytes))

-- The sessions to evict so that one more fits: by the policy's time, then by creation, then by id.
local function choose(candidates, excess)
  local function time_of(member)
    if POLICY ~= 'evict-least-recently-active' then
      return (struct.unpack('>I6', member, 17))
    end
    local last_activity = call('GETRANGE', base .. 's:' .. sub(member, 1, 16), '7', '12')
    return #last_activity == 6 and struct.unpack('>I6', last_activity) or 0
  end

  -- Of two of the same time. Ids byte by byte, as in Rust and in sorted sets: Lua's own `<` goes by the
  -- locale that the server was started in.
  local function precedes(member, other)
    local created, others = struct.unpack('>I6', member, 17), struct.unpack('>I6', other, 17)
    if created ~= others then
      return created < others
    end
    for i = 1, 16 do
      local a, b = byte(member, i), byte(other, i)
      if a ~= b then
        return a < b
      end
    end
    return false
  end

  if excess == 1 then
    -- As good as always. Sorting takes several times as long.
    local first, first_at
    for i = 1, #candidates do
      local member = candidates[i]
      local at = time_of(member)
      if not first or at < first_at or (at == first_at and precedes(member, first)) then
        first, first_at = member, at
      end
    end
    return { first }
  end
  local times, chosen = {}, {}
  for _, member in ipairs(candidates) do
    times[member] = time_of(member)
  end
  table.sort(candidates, function(a, b)
    if times[a] ~= times[b] then
      return times[a] < times[b]
    end
    return precedes(a, b)
  end)
  for i = 1, excess do
    chosen[i] = candidates[i]
  end
  return chosen
end

-- Ends a live session, and adds what it was to what the script answers.
local ended = {}
local function finish_and_report(member, reason)
  local ending = sub(member, 1, 16)
  local record = call('GETDEL', base .. 's:' .. ending) or ''
  finish_now(member, record, reason)
  ended[#ended + 1] = ending
  ended[#ended + 1] = reason
  ended[#ended + 1] = record
end

-- All live sessions but `same`, `most` of them at the most: those that expire soonest.
local function others(same, most)
  local members = call('ZRANGEBYSCORE', index, now_score, '+inf', 'LIMIT', '0', text(most))
  if same then
    for i = 1, #members do
      if members[i] == same then
        table.remove(members, i)
        break
      end
    end
  end
  return members
end

local same, known
if has_device then
  same, known = session_of_device(fingerprint)
end
local evicted = {}
if LIMIT > 0 then
  local members, excess
  if LIMIT <= 32 then
    members = others(same, LIMIT + BATCH + 1)
    excess = #members - LIMIT + 1
  else
    excess = call('ZCOUNT', index, now_score, '+inf') - (same and 1 or 0) - LIMIT + 1
  end
  if excess > 0 and POLICY == 'reject' then
    settle()
    carry_out()
    return { 'limit', now, -1, {} }
  end
  if excess > BATCH then
    -- Only after the limit was lowered a lot: those that expire soonest go, in bounded steps. Where
    -- memory is full nobody goes, for nobody comes: an empty SETRANGE changes no key, and is refused.
    call('SETRANGE', KEYS[1], '0', '')
    settle()
    for _, member in ipairs(others(same, BATCH)) do
      finish_and_report(member, EVICTED)
    end
    carry_out()
    return { 'more', now, -1, ended }
  end
  if excess > 0 then
    evicted = choose(members or others(same, LIMIT + BATCH + 1), excess)
  end
end

-- First of all writes: where memory is full, or the id exists, nothing has changed.
local idle = IDLE_MS > 0 and math.min(absolute, now + IDLE_MS) or absolute
local times = struct.pack('>I6I6I6I6', now, now, absolute, IDLE_MS)
if not call('SET', KEYS[1], '\1' .. times .. rest, 'PXAT', text(idle), 'NX') then
  return { 'taken', now, -1, {} }
end
-- Before others are taken out, so that the hash keeps its time to live.
if HISTORY_MAX > 0 then
  local texts = 69 + uid_bytes
  call('HSET', stubs, id, sub(times, 7, 12) .. sub(rest, 61, 61) .. sub(rest, texts + 1, texts + texts_bytes))
end
settle()
if same then
  finish_and_report(same, REPLACED)
end
for _, member in ipairs(evicted) do
  finish_and_report(member, EVICTED)
end
if has_device and not known then
  forget_devices()
end

local joining = { number and '-3' or '-2', '@', text(2 * idle), id .. sub(times, 1, 6) }
local new_device, detail = -1, '-'
if has_device then
  joining[5], joining[6] = text(-2 * idle), '@' .. fingerprint
  new_device, detail = known and 0 or 1, known and 'known' or 'new'
end
tell('created', now_text, id, detail, number)
carry_out(joining)
local keep_until = text(idle + KEEP_MS)
prolong(index, keep_until)
if HISTORY_MAX > 0 then
  prolong(stubs, keep_until)
end
trim_devices()
return { 'created', now, new_device, ended }
