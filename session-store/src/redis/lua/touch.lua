-- Marks a session active, and tells an activity from a new address.
--
-- KEYS[1] the session's record
-- ARGV[1] write only when the last activity is as long ago, ms
-- ARGV[2] address, 16 bytes, empty = unknown   ARGV[3] address as text
-- Returns the record as it is now; nil where there is no such session.

local address = ARGV[2]
local NO_ADDRESS = string.rep('\0', 16)

local record = call('GET', KEYS[1])
if not record then
  return nil
end
if not is_readable(record) then
  return record
end
-- TIME may be a moment ahead of the time by which Redis expires keys during a script.
if expiry_of(record) < now then
  return nil
end
if struct.unpack('>I6', record, 8) + ARGV[1] > now then
  return record
end
local before = sub(record, 26, 41)
if address == '' or address == NO_ADDRESS or address == before then
  return refresh(record, 13)
end
record = refresh(sub(record, 1, 25) .. address .. sub(record, 42), 41)
if before ~= NO_ADDRESS then
  tell('address', record, ARGV[3])
end
return record
