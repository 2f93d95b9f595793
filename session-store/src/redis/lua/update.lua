-- Changes a session's texts and data and, on demand, its device, provided its revision is the
-- expected one.
--
-- KEYS[1] the session's record
-- ARGV[1] expected revision   ARGV[2] fingerprint, 8 bytes, all 0 = leave as it is
-- ARGV[3] flags, a byte       ARGV[4] texts   ARGV[5] data
-- Returns { outcome, now, new device (1, 0; -1 = left as it is), { id, reason, record, … }, record }.
-- Outcomes: 'updated'; and, with nothing changed, 'gone', 'conflict', 'unreadable'.

local id, fingerprint, texts = sub(KEYS[1], -16), ARGV[2], ARGV[4]
local ended, new_device = {}, -1

local record = call('GET', KEYS[1])
if not record then
  return { 'gone', now, -1, {}, '' }
end
if not is_readable(record) then
  return { 'unreadable', now, -1, {}, record }
end
local expires = expiry_of(record)
if expires < now then
  return { 'gone', now, -1, {}, '' }
end
local revision = struct.unpack('>I4', record, 74)
if revision ~= tonumber(ARGV[1]) then
  return { 'conflict', now, -1, {}, '' }
end
local uid = user_and_stub(record)
of_user(uid)

local before = sub(record, 78, 85)
local is_given = fingerprint ~= NO_FINGERPRINT
if not is_given then
  fingerprint = before
end
local updated = sub(record, 1, 73) .. struct.pack('>I4', (revision + 1) % 4294967296) .. fingerprint .. ARGV[3]
  .. sub(record, 87, 88) .. struct.pack('>I2I4', #texts, #ARGV[5]) .. uid .. texts .. ARGV[5]
local other, known
if is_given then
  other, known = session_of_device(fingerprint)
  new_device = known and 0 or 1
end
-- First of all writes: where memory is full, nothing has changed.
call('SET', KEYS[1], updated, 'KEEPTTL')

if is_given then
  settle()
  local other_id = other and sub(other, 1, 16)
  if other and other_id ~= id then
    local replaced = call('GETDEL', base .. 's:' .. other_id) or ''
    finish_now(other, replaced, REPLACED)
    ended = { other_id, REPLACED, replaced }
  end
  if not known then
    forget_devices()
  end
  local joining
  if before ~= fingerprint then
    if before ~= NO_FINGERPRINT then
      left[#left + 1] = text(1 - 2 * now)
      left[#left + 1] = '@' .. before
    end
    local mark = byte(record, 86) >= 128 and '-3' or '-2'
    joining = { mark, '@', text(2 * expires), id .. sub(record, 2, 7), text(-2 * expires), '@' .. fingerprint }
  end
  carry_out(joining)
  if joining then
    prolong(index, text(expires + KEEP_MS))
  end
  trim_devices()
end
local _, stub = user_and_stub(updated)
-- One that had none may come from a process that keeps no history.
if HISTORY_MAX > 0 and call('HSET', stubs, id, stub) == 1 then
  prolong(stubs, text(expires + KEEP_MS))
end
return { 'updated', now, new_device, ended, updated }
