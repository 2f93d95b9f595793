-- The time, and the index's scores.

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A whole number as commands take it: `%d` is several times as fast as `%.0f`, and as wide as a long,
-- which on a 64-bit server is enough.
local function text(number)
  return string.format('%d', number)
end

local now_text, now_score = text(now), text(2 * now)

-- When a readable record expires, by its header.
local function expiry_of(record)
  local last_activity, absolute, idle = struct.unpack('>I6I6I6', record, 8)
  if idle == 0 then
    return absolute
  end
  return math.min(absolute, last_activity + idle)
end

local function is_readable(record)
  return #record >= HEADER and byte(record) == 1
end

-- What a readable record says of its user: id, and what the history keeps of the session.
local function user_and_stub(record)
  local uid_bytes, texts_bytes = struct.unpack('>I2I2', record, 87)
  local texts = HEADER + uid_bytes
  local stub = sub(record, 8, 13) .. sub(record, 86, 86) .. sub(record, texts + 1, texts + texts_bytes)
  return sub(record, HEADER + 1, texts), stub
end

-- Lets a key live until then. Never shortens that.
local function prolong(key, at)
  if call('PEXPIREAT', key, at, 'GT') == 0 then
    call('PEXPIREAT', key, at, 'NX')
  end
end
