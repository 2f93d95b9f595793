-- The record of KEYS[1], and what its header says.

local record = call('GET', KEYS[1])
local is_readable = record and #record >= HEADER and byte(record) == 1
local last_activity, absolute, idle, expires, flags, owner, texts_at, address_at
if is_readable then
  last_activity, absolute, idle = cut('>I6I6I6', record, 8)
  expires = idle == 0 and absolute or math.min(absolute, last_activity + idle)
  local uid_bytes, texts_bytes
  flags, uid_bytes, texts_bytes = cut('>BI2I2', record, 54)
  texts_at = HEADER + uid_bytes + 1
  address_at = texts_at + texts_bytes
  owner = sub(record, HEADER + 1, texts_at - 1)
end
