-- Changes a session's body and, on demand, its device, provided its revision is the expected one.
--
-- KEYS[1] the session's record
-- ARGV[6] session's 16 characters   ARGV[7] expected revision   ARGV[8] body
-- ARGV[9] stub                      ARGV[10] fingerprint, 8 bytes, all 0 = leave as it is
-- ARGV[11] devices remembered       ARGV[12] for how long, ms
-- Returns { outcome, now, new device (1, 0; -1 = left as it is), { id, reason, record, … }, record }.
-- Outcomes: 'updated'; and, with nothing changed, 'gone', 'conflict', 'unreadable'.

local id, body, fingerprint = ARGV[6], ARGV[8], ARGV[10]
local ended, new_device = {}, -1

local record, session, user = load(id)
if not record then
  return { 'gone', now, -1, {}, '' }
end
if not session then
  return { 'unreadable', now, -1, {}, record }
end
if session.revision ~= tonumber(ARGV[7]) then
  return { 'conflict', now, -1, {}, '' }
end

if fingerprint == NO_FINGERPRINT then
  fingerprint = session.fingerprint
else
  claim_memory(KEYS[1])
  settle(user)
  forget_devices(user, tonumber(ARGV[12]))
  local other, known = session_of_device(user, fingerprint)
  new_device = known and 0 or 1
  if other and other ~= id then
    finish_and_report(ended, user, other, 'replaced')
  end
  if session.fingerprint ~= fingerprint then
    leave_device(user, session)
    session.fingerprint = fingerprint
    index(user, id, session)
  end
  trim_devices(user, tonumber(ARGV[11]))
  trim_history(user)
end

local revision = (session.revision + 1) % 4294967296
local updated = string.sub(record, 1, 2) .. struct.pack('>I4', revision) .. string.sub(record, 7, 30)
  .. fingerprint .. string.sub(record, 39, HEADER + session.uid_bytes) .. body
redis.call('SET', KEYS[1], updated, 'KEEPTTL')
if history_max > 0 then
  local stub = redis.call('HGET', user.stubs, id)
  if stub then
    redis.call('HSET', user.stubs, id, string.sub(stub, 1, 13) .. ARGV[9])
  end
end
return { 'updated', now, new_device, ended, updated }
