-- Marks a live session active now: header, expiry, index and the history's stub. `record` is the
-- record as it is to be, its last activity not yet set; answers it with that. Writes what follows
-- the creation, up to the byte `last`.

local function refresh(record, last)
  local id, uid = sub(KEYS[1], -16)
  record = sub(record, 1, 7) .. struct.pack('>I6', now) .. sub(record, 14)
  call('SETRANGE', KEYS[1], '7', sub(record, 8, last))
  local stub
  uid, stub = user_and_stub(record)
  local index, stubs = base .. 'u:' .. uid, base .. 'd:' .. uid
  local expires = expiry_of(record)
  local keep_until = text(expires + KEEP_MS)
  -- One that had none may come from a process that keeps no history.
  if HISTORY_MAX > 0 and call('HSET', stubs, id, stub) == 1 then
    prolong(stubs, keep_until)
  end
  if struct.unpack('>I6', record, 20) > 0 then
    -- In a session's very last millisecond there is nothing left to prolong, and Redis deletes a key
    -- that is told to expire now.
    if expires > now then
      call('PEXPIREAT', KEYS[1], text(expires))
    end
    local fingerprint, member = sub(record, 78, 85), id .. sub(record, 2, 7)
    local mark = byte(record, 86) >= 128 and '-3' or '-2'
    if fingerprint == NO_FINGERPRINT then
      call('ZADD', index, mark, '@', text(2 * expires), member)
    else
      call('ZADD', index, mark, '@', text(2 * expires), member, text(-2 * expires), '@' .. fingerprint)
    end
    prolong(index, keep_until)
    prolong(stubs, keep_until)
  end
  return record
end

-- Tells what happened to the session of a record.
local function tell(what, record, detail)
  local uid_bytes = struct.unpack('>I2', record, 87)
  local whose = (byte(record, 86) >= 128 and 'n' or 's') .. sub(record, HEADER + 1, HEADER + uid_bytes)
  local id = sub(base, -4, -3) .. sub(KEYS[1], -16)
  call('PUBLISH', CHANNEL, what .. ' ' .. now_text .. ' ' .. id .. ' ' .. detail .. ' ' .. whose)
end
