-- Lays `stub` ready for the history, until `keep_until`. A session that had none is new, or comes from a
-- process that keeps no history; and where this one keeps none, another's is kept for as long.
-- `is_prolonged`: the session lives longer than before.

if HISTORY_MAX > 0 or is_prolonged then
  local stubs = base .. 'd:' .. owner
  local is_new = HISTORY_MAX > 0 and call('HSET', stubs, id, stub) == 1
  if (is_new or is_prolonged) and call('PEXPIREAT', stubs, keep_until, 'GT') == 0 and is_new then
    call('PEXPIREAT', stubs, keep_until, 'NX')
  end
end
