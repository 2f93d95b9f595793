-- Marks a session active, and tells an activity from a new address.
--
-- KEYS[1] the session's record
-- ARGV[6] session's 16 characters   ARGV[7] write only when the last activity is as long ago, ms
-- ARGV[8] address, 16 bytes, all 0 = unknown   ARGV[9] address as text
-- Returns the record as it is now; nil where there is no such session.

local id, interval, address = ARGV[6], tonumber(ARGV[7]), ARGV[8]
local NO_ADDRESS = string.rep('\0', 16)

local record, session, user = load(id)
if not record then
  return nil
end
if not session or session.last_activity + interval > now then
  return record
end
if address ~= NO_ADDRESS and address ~= session.address then
  redis.call('SETRANGE', KEYS[1], 38, address)
  if session.address ~= NO_ADDRESS then
    publish('address', now, id, ARGV[9], session.number, user)
  end
end
refresh(user, id, session)
return redis.call('GET', KEYS[1])
