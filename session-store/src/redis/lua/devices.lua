-- The devices of a user, live ones and those that are remembered.

-- The index member of the user's live session of this device, nil where there is none; and whether
-- the device is known. Its score is minus the expiry of its session.
local function session_of_device(fingerprint)
  local score = call('ZSCORE', index, '@' .. fingerprint)
  if not score then
    return nil, false
  end
  local at = -tonumber(score)
  if at >= 2 * now then
    local expires = text(at)
    for _, member in ipairs(call('ZRANGEBYSCORE', index, expires, expires)) do
      if call('GETRANGE', base .. 's:' .. sub(member, 1, 16), '77', '84') == fingerprint then
        return member, true
      end
    end
  end
  return nil, at >= 2 * (now - DEVICES_MS) - 1
end

-- Forgets the devices that were last used too long ago: before one more is remembered.
local function forget_devices()
  call('ZREMRANGEBYSCORE', index, '(' .. text(2 * (DEVICES_MS - now) + 1), '-4')
end

-- Forgets the devices without a session beyond the bound, those whose session ran out first. In the
-- index they stand last among the devices: the closer to the mark, the longer ago.
local function trim_devices()
  -- All but the mark and one session, at most.
  if call('ZCARD', index) - 2 <= DEVICES_MAX then
    return
  end
  local excess = call('ZCOUNT', index, '(-' .. now_score, '-4') - DEVICES_MAX
  if excess > 0 then
    local devices = call('ZCOUNT', index, '-inf', '-4')
    call('ZREMRANGEBYRANK', index, text(devices - excess), text(devices - 1))
  end
end
