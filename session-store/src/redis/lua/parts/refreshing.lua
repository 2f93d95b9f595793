-- Marks a live session active now: header, expiry, index and the history's stub. `record` is as it is to
-- be but for its last activity; of what follows the creation, all up to the byte `last` is written, and
-- the whole of it where `last` is nil.
-- Tells `what` happened, where it isn't nil, with a `detail`; and answers the record.

record = sub(record, 1, 7) .. pack('>I6', now) .. sub(record, 14)
if last then
  call('SETRANGE', KEYS[1], '7', sub(record, 8, last))
else
  call('SET', KEYS[1], record, 'KEEPTTL')
end
local id = sub(KEYS[1], -16)
expires = idle == 0 and absolute or math.min(absolute, now + idle)
local keep_until = format('%d', expires + KEEP_MS)
local is_number = flags >= 128

local is_prolonged, stub = idle > 0, nil
if HISTORY_MAX > 0 then
  stub = sub(record, 8, 13) .. sub(record, 54, 54) .. sub(record, texts_at, address_at - 1)
end
include 'parts/stub'
if is_prolonged then
  -- In a session's very last millisecond there is nothing left to prolong, and Redis deletes a key
  -- that is told to expire now.
  if expires > now then
    call('PEXPIREAT', KEYS[1], format('%d', expires))
  end
  local index, fingerprint, member, scores = base .. 'u:' .. owner, sub(record, 46, 53), id .. sub(record, 2, 7), nil
  include 'parts/joining'
end
if what then
  call('PUBLISH', CHANNEL, what .. ' ' .. now_score .. ' ' .. sub(base, -4, -3) .. id .. ' ' .. detail .. (is_number and ' n' or ' s') .. owner)
end
return record
