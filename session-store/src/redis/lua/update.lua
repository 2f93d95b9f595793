-- Changes a session's texts and data and, on demand, its device, provided its revision is the
-- expected one.
--
-- KEYS[1] the session's record
-- ARGV[1] expected revision   ARGV[2] fingerprint, 8 bytes, all 0 = leave as it is
-- ARGV[3] flags, a byte       ARGV[4] texts   ARGV[5] data
-- ARGV[6] where this is what a newer credential of the session says: when that was issued, when it
-- expires, and until when to remember it; 6 bytes each
-- Returns { outcome, now, new device (1, 0; -1 = left as it is), { id, reason, record, … }, record }.
-- Outcomes: 'updated'; and, with nothing changed, 'gone', 'conflict' (the revision is another one, or
-- the credential not newer), 'unreadable'.

include 'parts/begin'
include 'parts/clock'
include 'parts/reading'

if record and (not is_readable or #record < data_at - 1) then
  return { 'unreadable', now, -1, {}, record }
end
if not record or expires < now then
  return { 'gone', now, -1, {}, '' }
end
local revision = cut('>I4', record, 42)
if revision ~= tonumber(ARGV[1]) then
  return { 'conflict', now, -1, {}, '' }
end

local mark, issued_at, expires_at, known_until
if ARGV[6] then
  mark = base .. 'c:' .. sub(KEYS[1], -16)
  issued_at, expires_at, known_until = cut('>I6I6I6', ARGV[6])
  local stands = call('GET', mark)
  if stands and #stands == 18 then
    local issued_before, expires_before, known_before = cut('>I6I6I6', stands)
    if issued_before > issued_at or (issued_before == issued_at and expires_before >= expires_at) then
      return { 'conflict', now, -1, {}, '' }
    end
    known_until = math.max(known_until, known_before)
  end
  known_until = math.max(known_until, absolute)
end

local id, fingerprint, texts = sub(KEYS[1], -16), ARGV[2], ARGV[4]
local is_number, address = flags >= 128, sub(record, address_at, data_at - 1)
flags = string.char(byte(ARGV[3]) + (#address == 16 and 64 or 0))
local index = base .. 'u:' .. owner
local keep_until = format('%d', expires + KEEP_MS)
local before, new_device, version = sub(record, 46, 53), -1, sub(record, 1, 1)
local has_moved = false
local ending, records, reasons, ends, going, ended, scores, news

include 'parts/device'
if fingerprint == NO_FINGERPRINT then
  fingerprint = before
else
  new_device = known and 0 or 1
  if fingerprint ~= before then
    has_moved = before ~= NO_FINGERPRINT
    local is_moved = has_moved or byte(version) % 128 >= 64
    version = string.char(1 + (known and 0 or 128) + (is_moved and 64 or 0))
  end
  if same and sub(same, 1, 16) ~= id then
    going = { same, REPLACED }
  end
end
local updated = version .. sub(record, 2, 41) .. pack('>I4', (revision + 1) % 4294967296) .. fingerprint .. flags
  .. sub(record, 55, 56) .. pack('>I2', #texts) .. owner .. texts .. address .. ARGV[5]

-- First of all writes: where memory is full, nothing has changed.
call('SET', KEYS[1], updated, 'KEEPTTL')
if mark then
  call('SET', mark, pack('>I6I6I6', issued_at, expires_at, known_until), 'PXAT', format('%d', known_until + MARK_MARGIN))
end
local stub, is_prolonged = sub(updated, 8, 13) .. flags .. texts, false
include 'parts/stub'
if new_device >= 0 then
  include 'parts/settling'
  include 'parts/going'
  include 'parts/ending'
  if fingerprint ~= before then
    scores = scores or {}
    if before ~= NO_FINGERPRINT then
      scores[#scores + 1] = format('%d', 1 - 2 * now)
      scores[#scores + 1] = '@' .. before
    end
    local member = id .. sub(record, 2, 7)
    include 'parts/joining'
    scores = nil
  end
  if has_moved then
    news = news or {}
    news[#news + 1] = 'device ' .. now_score .. ' ' .. sub(base, -4, -3) .. id
      .. (known and ' known' or ' new') .. (is_number and ' n' or ' s') .. owner
  end
  include 'parts/telling'
  include 'parts/remembering'
end
return { 'updated', now, new_device, ended or {}, updated }
