-- How sessions end: `finish` gathers what there is to do for each, and `carry_out` does it, with one
-- command for all where there can be one.
--
-- Redis refuses commands that need memory only until a script has written. So what ends sessions
-- begins with commands that need none, and what must not happen when memory is full begins with one
-- that does.

local gone, fields, entries, left, lines = {}, {}, {}, {}, {}
local owner, index, stubs, history

-- Sets the user whose sessions these are.
local function of_user(uid)
  owner, index, stubs, history = uid, base .. 'u:' .. uid, base .. 'd:' .. uid, base .. 'h:' .. uid
end

-- Adds to what is told: what happened, when, to which session, a detail. Whose it is comes last, so
-- that a user id may hold spaces; it can't hold the line break that parts two events.
local function tell(what, at, id, detail, number)
  lines[#lines + 1] = what .. ' ' .. at .. ' ' .. sub(base, -4, -3) .. id .. ' ' .. detail .. (number and ' n' or ' s') .. owner
end

-- Takes the session of an index member out of the index, and into the history.
local function finish(member, stub, reason, at)
  local id = sub(member, 1, 16)
  gone[#gone + 1] = member
  fields[#fields + 1] = id
  local number
  if stub and #stub >= STUB then
    number = byte(stub, STUB) >= 128
    if HISTORY_MAX > 0 then
      entries[#entries + 1] = member .. struct.pack('>I6', at) .. reason .. stub
    end
  else
    -- Nothing of the session itself says any more what its user id was.
    number = call('ZSCORE', index, '@') == '-3'
  end
  tell('ended', at == now and now_text or text(at), id, reason, number)
end

-- Ends a session now, whose record was `record` and is deleted or about to be. Its device has no
-- session from now on.
local function finish_now(member, record, reason)
  local stub
  if is_readable(record) then
    local _
    _, stub = user_and_stub(record)
    local fingerprint = sub(record, 78, 85)
    if fingerprint ~= NO_FINGERPRINT then
      left[#left + 1] = text(1 - 2 * now)
      left[#left + 1] = '@' .. fingerprint
    end
  else
    stub = call('HGET', stubs, sub(member, 1, 16))
  end
  finish(member, stub, reason, now)
end

-- Moves sessions that have expired by themselves into the history, in the order of their expiry.
-- Answers whether that were as many as one run takes, so that there may be more.
local function settle()
  if call('ZCOUNT', index, '0', '(' .. now_score) == 0 then
    return false
  end
  local expired = call('ZRANGEBYSCORE', index, '0', '(' .. now_score, 'WITHSCORES', 'LIMIT', '0', text(BATCH))
  for i = 1, #expired, 2 do
    local member = expired[i]
    finish(member, call('HGET', stubs, sub(member, 1, 16)), EXPIRED, tonumber(expired[i + 1]) / 2)
  end
  return #expired == 2 * BATCH
end

-- Whether an entry of the history is to be kept any longer. One that no release has written is not:
-- an error here would break a script off in the middle of its changes.
local function is_kept(entry)
  return #entry >= ENTRY and struct.unpack('>I6', entry, 23) + HISTORY_MS >= now
end

-- Does what was gathered, and adds `joining` to the index: scores and members.
local function carry_out(joining)
  if #gone > 0 then
    call('ZREM', index, unpack(gone))
    -- Another process may keep a history where this one doesn't: its stub goes all the same.
    call('HDEL', stubs, unpack(fields))
  end
  if #entries > 0 then
    if call('LPUSH', history, unpack(entries)) > HISTORY_MAX then
      call('LTRIM', history, '0', text(HISTORY_MAX - 1))
    end
    while true do
      local oldest = call('LINDEX', history, '-1')
      if not oldest or is_kept(oldest) then
        break
      end
      call('RPOP', history)
    end
    call('PEXPIREAT', history, text(now + HISTORY_MS))
  end
  if joining then
    for i = 1, #joining do
      left[#left + 1] = joining[i]
    end
    call('ZADD', index, unpack(left))
  elseif #left > 0 then
    call('ZADD', index, 'XX', unpack(left))
  end
  if #lines > 0 then
    call('PUBLISH', CHANNEL, table.concat(lines, '\n'))
  end
end
