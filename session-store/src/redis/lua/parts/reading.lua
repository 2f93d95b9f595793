-- The record of KEYS[1], and what its header says.

local record = call('GET', KEYS[1])
local is_readable = record and #record >= HEADER and byte(record) == 1
local last_activity, absolute, idle, expires, owner
if is_readable then
  last_activity, absolute, idle = cut('>I6I6I6', record, 8)
  expires = idle == 0 and absolute or math.min(absolute, last_activity + idle)
  owner = sub(record, HEADER + 1, HEADER + cut('>I2', record, 87))
end
