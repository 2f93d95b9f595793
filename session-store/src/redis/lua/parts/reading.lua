-- The record of KEYS[1], and what its header says. It may be shorter than that: whoever looks behind the
-- header asks whether it reaches to `data_at`.

local record = call('GET', KEYS[1])
local is_readable = record and #record >= HEADER and byte(record) % 64 == 1
local last_activity, absolute, idle, expires, flags, owner, texts_at, address_at, data_at
if is_readable then
  last_activity, absolute, idle = cut('>I6I6I6', record, 8)
  expires = idle == 0 and absolute or math.min(absolute, last_activity + idle)
  local uid_bytes, texts_bytes
  flags, uid_bytes, texts_bytes = cut('>BI2I2', record, 54)
  texts_at = HEADER + uid_bytes + 1
  address_at = texts_at + texts_bytes
  data_at = address_at + (flags % 128 >= 64 and 16 or 4)
  owner = sub(record, HEADER + 1, texts_at - 1)
end
