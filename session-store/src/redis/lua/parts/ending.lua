-- Ends the sessions of `ending`: index member, reason, record as it was ('' where there is none), when;
-- four for each. Takes them out of the index and into the history. Where there are any, `scores` is made,
-- of what is to be set in the index (a device whose session ended now has none from now on), and `news`
-- of what is to be told.
--
-- Redis refuses commands that need memory only until a script has written. So what ends sessions
-- begins with commands that need none, and what must not happen when memory is full begins with one
-- that does.

if #ending > 0 then
  scores, news = {}, {}
  local bucket, members, ids, entries = sub(base, -4, -3), {}, {}, {}
  for i = 1, #ending, 4 do
    local member, reason, record, at = ending[i], ending[i + 1], ending[i + 2], ending[i + 3]
    local id, stub, whose = sub(member, 1, 16)
    if #record >= HEADER and byte(record) % 64 == 1 then
      local uid_bytes, texts_bytes = cut('>I2I2', record, 55)
      local texts = HEADER + uid_bytes
      stub = sub(record, 8, 13) .. sub(record, 54, 54) .. sub(record, texts + 1, texts + texts_bytes)
      local fingerprint = sub(record, 46, 53)
      if fingerprint ~= NO_FINGERPRINT then
        scores[#scores + 1] = format('%d', 1 - 2 * at)
        scores[#scores + 1] = '@' .. fingerprint
      end
    else
      stub = call('HGET', stubs, id)
    end
    if stub and #stub >= STUB then
      whose = byte(stub, STUB) >= 128 and ' n' or ' s'
      if HISTORY_MAX > 0 then
        entries[#entries + 1] = member .. pack('>I6', at) .. reason .. stub
      end
    else
      -- Nothing of the session itself says any more what its user id was.
      whose = call('ZSCORE', index, '@') == '-3' and ' n' or ' s'
    end
    local n = #members + 1
    members[n], ids[n] = member, id
    news[#news + 1] = 'ended ' .. format('%d', at) .. ' ' .. bucket .. id .. ' ' .. reason .. whose .. owner
  end
  call('ZREM', index, unpack(members))
  -- Another process may keep a history where this one doesn't: its stub goes all the same.
  call('HDEL', stubs, unpack(ids))
  if #entries > 0 then
    local history = base .. 'h:' .. owner
    if call('LPUSH', history, unpack(entries)) > HISTORY_MAX then
      call('LTRIM', history, '0', HISTORY_MAX - 1)
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
