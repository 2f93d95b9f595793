-- Gives a session a new token, and marks it active.
--
-- KEYS[1] the session's record
-- ARGV[1] old token's verifier   ARGV[2] new token's verifier
-- Returns the record as it is now; nil where the old token isn't the session's (any more).

local record = call('GET', KEYS[1])
if not record then
  return nil
end
if not is_readable(record) then
  return record
end
if expiry_of(record) < now or sub(record, 42, 73) ~= ARGV[1] then
  return nil
end
record = refresh(sub(record, 1, 41) .. ARGV[2] .. sub(record, 74), 73)
tell('rotated', record, '-')
return record
