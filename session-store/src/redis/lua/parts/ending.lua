-- Ends the sessions of `ending`, which are index members: takes them out of the index and into the history.
-- `records` are as they were, '' where there is none; `reasons` and `ends` say why and when (as a score),
-- where that isn't `reason`, and now. The tables are used up. Where there are any, `news` is made, of what is
-- to be told, and `scores` may be, of what is to be set in the index: a device whose session ended now has
-- none from now on.
--
-- Redis refuses commands that need memory only until a script has written. So what ends sessions
-- begins with commands that need none, and what must not happen when memory is full begins with one
-- that does.

if ending then
  call('ZREM', index, unpack(ending))
  local bucket, stubs, this_moment, free, entries = sub(base, -4, -3), base .. 'd:' .. owner, pack('>I6', now)
  for i = 1, #ending do
    local member, record = ending[i], records[i]
    local why, at = reasons and reasons[i] or reason, ends and ends[i] or now_score
    local id, entry, whose = sub(member, 1, 16)
    local moment = HISTORY_MAX > 0 and (at == now_score and this_moment or pack('>I6', at / 2))
    if #record >= HEADER and byte(record) % 64 == 1 then
      local fingerprint, flags, uid_bytes, texts_bytes = cut('>c8BI2I2', record, 46)
      whose = flags >= 128 and ' n' or ' s'
      if fingerprint ~= NO_FINGERPRINT then
        scores, free = scores or {}, free or format('%d', 1 - 2 * now)
        local n = #scores
        scores[n + 1], scores[n + 2] = free, '@' .. fingerprint
      end
      if moment then
        local texts = HEADER + uid_bytes
        local last_activity, flag, rest = sub(record, 8, 13), sub(record, 54, 54), sub(record, texts + 1, texts + texts_bytes)
        entry = member .. moment .. why .. last_activity .. flag .. rest
      end
    else
      local stub = call('HGET', stubs, id)
      if stub and #stub >= STUB then
        whose = byte(stub, STUB) >= 128 and ' n' or ' s'
        entry = moment and member .. moment .. why .. stub
      else
        -- Nothing of the session itself says any more what its user id was.
        whose = call('ZSCORE', index, '@') == '-3' and ' n' or ' s'
      end
    end
    if entry then
      entries = entries or {}
      entries[#entries + 1] = entry
    end
    ending[i] = id
    records[i] = 'ended ' .. at .. ' ' .. bucket .. id .. ' ' .. why .. whose .. owner
  end
  news = records
  -- Another process may keep a history where this one doesn't: its stub goes all the same.
  call('HDEL', stubs, unpack(ending))
  if entries then
    local history = base .. 'h:' .. owner
    if call('LPUSH', history, unpack(entries)) > HISTORY_MAX then
      call('LTRIM', history, '0', HISTORY_LAST)
    end
    while true do
      local oldest = call('LINDEX', history, '-1')
      -- One that no release has written goes, too: an error would break the script off half-way.
      if not oldest or (#oldest >= ENTRY and cut('>I6', oldest, 23) + HISTORY_MS >= now) then
        break
      end
      call('RPOP', history)
    end
    call('PEXPIREAT', history, format('%d', now + HISTORY_MS))
  end
end
