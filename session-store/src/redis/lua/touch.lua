-- Marks a session active, and tells an activity from a new address.
--
-- KEYS[1] the session's record
-- ARGV[1] write only when the last activity is as long ago, ms
-- ARGV[2] address, 4 or 16 bytes, empty = unknown   ARGV[3] address as text
-- Returns the record as it is now; nil where there is no such session.

include 'parts/begin'
include 'parts/clock'
include 'parts/reading'

if not record then
  return nil
end
if not is_readable or #record < data_at - 1 then
  return record
end
-- TIME may be a moment ahead of the time by which Redis expires keys during a script.
if expires < now then
  return nil
end
if last_activity + ARGV[1] > now then
  return record
end
local NO_ADDRESS = '\0\0\0\0'
local address, before = ARGV[2], sub(record, address_at, data_at - 1)
local last, what, detail = 13, nil, ARGV[3]
if address ~= '' and address ~= NO_ADDRESS and address ~= before then
  flags = flags + (#address == 16 and 64 or 0) - (#before == 16 and 64 or 0)
  record = sub(record, 1, 53) .. string.char(flags) .. sub(record, 55, address_at - 1) .. address .. sub(record, data_at)
  last = nil
  what = before ~= NO_ADDRESS and 'address'
end
include 'parts/refreshing'
