-- Creates a session: device rule, limit, record, index, device memory, history, event.
--
-- KEYS[1] the session's record
-- ARGV[1] the record from its verifier on   ARGV[2] absolute timeout, ms; where it isn't the store's
-- ARGV[3] where the session goes by a credential of somebody else's: when that was issued, when it
-- expires, until when to remember it, when the session ends at the latest; 6 bytes each
-- Returns now, or -now where the device is new; or, where sessions have ended, { the same, id, reason,
-- record, … }. Without a session: 'taken' (the id exists, or the credential has had a session; nothing
-- has changed), 'past' (the credential has expired), 'limit' (refused), or { 'more', now, { id, reason,
-- record, … } } (some of very many sessions over the limit were evicted: call again).

include 'parts/begin'
include 'parts/clock'

local rest, absolute = ARGV[1], now + (ARGV[2] or ABSOLUTE_MS)
local id = sub(KEYS[1], -16)
local fingerprint, flags, uid_bytes, texts_bytes = cut('>c8BI2I2', rest, 21)
local owner = sub(rest, 34, 33 + uid_bytes)
local index = base .. 'u:' .. owner
local ending, records, reasons, ends, going, ended, scores, news

local mark, issued_at, expires_at, known_until
if ARGV[3] then
  local ends_at
  mark = base .. 'c:' .. id
  issued_at, expires_at, known_until, ends_at = cut('>I6I6I6I6', ARGV[3])
  if call('EXISTS', mark) == 1 then
    return 'taken'
  end
  if ends_at <= now then
    return 'past'
  end
  absolute = math.min(absolute, ends_at)
  known_until = math.max(absolute, known_until)
end

include 'parts/settling'
include 'parts/device'
if same then
  going = { same, REPLACED }
end
if LIMIT > 0 then
  include 'parts/limit'
end

-- First of all writes: where memory is full, or the id exists, nothing has changed.
local expires = IDLE_MS > 0 and math.min(absolute, now + IDLE_MS) or absolute
local created = pack('>I6', now)
local version = (known or fingerprint == NO_FINGERPRINT) and '\1' or '\129'
local record = version .. created .. created .. pack('>I6', absolute) .. IDLE .. rest
if not call('SET', KEYS[1], record, 'PXAT', format('%d', expires), 'NX') then
  return 'taken'
end
if mark then
  call('SET', mark, pack('>I6I6I6', issued_at, expires_at, known_until), 'PXAT', format('%d', known_until + MARK_MARGIN))
end
local keep_until = format('%d', expires + KEEP_MS)
-- Before others are taken out, so that the hash keeps its time to live.
local stub, is_prolonged
if HISTORY_MAX > 0 then
  local texts = 33 + uid_bytes
  stub = created .. sub(rest, 29, 29) .. sub(rest, texts + 1, texts + texts_bytes)
end
include 'parts/stub'
include 'parts/going'
include 'parts/ending'

local is_number, member = flags >= 128, id .. created
include 'parts/joining'
local answer, detail = now, ' -'
if fingerprint ~= NO_FINGERPRINT then
  answer, detail = known and now or -now, known and ' known' or ' new'
  if not is_first then
    include 'parts/remembering'
  end
end
local line = 'created ' .. now_score .. ' ' .. sub(base, -4, -3) .. id .. detail .. (is_number and ' n' or ' s') .. owner
if news then
  line = table.concat(news, '\n') .. '\n' .. line
end
call('PUBLISH', CHANNEL, line)
if ended then
  table.insert(ended, 1, answer)
  return ended
end
return answer
