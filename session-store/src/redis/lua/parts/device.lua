-- The device of `fingerprint`. `same`: the index member of the user's live session on it, nil where
-- there is none; `known`: whether the device is. Its score is minus the expiry of its session.

local same, known
local device_score = fingerprint ~= NO_FINGERPRINT and call('ZSCORE', index, '@' .. fingerprint)
if device_score then
  local at = -device_score
  known = at >= 2 * (now - DEVICES_MS) - 1
  if at >= 2 * now then
    local expiry = format('%d', at)
    for _, member in ipairs(call('ZRANGEBYSCORE', index, expiry, expiry)) do
      if call('GETRANGE', base .. 's:' .. sub(member, 1, 16), '45', '52') == fingerprint then
        same, known = member, true
        break
      end
    end
  end
end
