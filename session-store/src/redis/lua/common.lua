-- What every script begins with: the layout of a record, the user's keys, and the steps that more
-- than one script takes. Each script file is appended to this one.
--
-- KEYS[1] is in the user's hash slot and routes the script there. The other keys are derived from
-- ARGV[1] and the user id that the record holds, by the rules of keys.rs: an id alone leads to
-- everything, in one round trip. All of them share KEYS[1]'s hash tag.
--
-- ARGV[1] what all keys of the bucket begin with    ARGV[2] channel for events
-- ARGV[3] most ended sessions kept; 0 = no history  ARGV[4] how long they are kept, ms
-- ARGV[5] how long the user is remembered after the last session ran out, ms
--
-- The index is one sorted set. A session is its 16 characters, scored by its expiry. A device is
-- '@' and the 8 bytes of its fingerprint, scored by minus the expiry of its session, so that the one
-- leads to the other. Where that session was ended, the score is minus the half millisecond before
-- that moment: other than one that expires now, the device has no session. The member '@' alone
-- keeps the set alive: "this user has had a session"; scored -1.5 where the last one's user id was a
-- number, -1 where it was a string. A session is alive while now <= its score, exactly as long as
-- Redis serves its record.
--
-- Redis refuses commands that need memory only until a script has written. So whatever must not
-- happen when memory is full begins with `claim_memory`, and what ends sessions begins with commands
-- that need none.

local base, channel = ARGV[1], ARGV[2]
local history_max, history_ms, keep_ms = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local bucket = string.sub(base, -4, -3)

local HEADER = 88 -- bytes, see codec.rs
local STUB = 13 -- bytes that a stub has at least, the last of them its flags
local ENTRY = 22 -- bytes of a history entry's id and moment
local BATCH = 500 -- sessions that one run ends at most: a few milliseconds
local NO_FINGERPRINT = string.rep('\0', 8)
local REASONS = { logout = 0, revoked = 1, evicted = 2, replaced = 3, expired = 4 }

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Whether an id comes before another: byte by byte, as in Rust and in sorted sets. Lua's own `<`
-- goes by the locale that the server was started in.
local function precedes(id, other)
  for i = 1, #id do
    local a, b = string.byte(id, i), string.byte(other, i)
    if a ~= b then
      return b ~= nil and a < b
    end
  end
  return #id < #other
end

local function record_key(id)
  return base .. 's:' .. id
end

-- The keys of a user.
local function user_of(uid)
  return { id = uid, index = base .. 'u:' .. uid, stubs = base .. 'd:' .. uid, history = base .. 'h:' .. uid }
end

-- The fields of a header, or nil where it isn't one of version 1.
local function parse(header)
  if #header < HEADER or string.byte(header) ~= 1 then
    return nil
  end
  local created, last_activity, absolute, idle = struct.unpack('>I6I6I6I6', header, 7)
  return {
    number = string.byte(header, 2) % 2 == 1,
    revision = struct.unpack('>I4', header, 3),
    created = created,
    last_activity = last_activity,
    absolute = absolute,
    idle = idle,
    fingerprint = string.sub(header, 31, 38),
    address = string.sub(header, 39, 54),
    verifier = string.sub(header, 55, 86),
    uid_bytes = struct.unpack('>I2', header, 87),
  }
end

local function expiry(session)
  if session.idle == 0 then
    return session.absolute
  end
  return math.min(session.absolute, session.last_activity + session.idle)
end

-- Reads the record of a live session: its bytes (nil where there is none), its fields and its user
-- (nil where the record can't be read).
local function load(id)
  local record = redis.call('GET', record_key(id))
  if not record then
    return nil
  end
  local session = parse(record)
  if not session then
    return record
  end
  -- TIME may be a moment ahead of the time by which Redis expires keys during a script.
  if expiry(session) < now then
    return nil
  end
  return record, session, user_of(string.sub(record, HEADER + 1, HEADER + session.uid_bytes))
end

-- Tells an event: what, when, which session, a detail, whose. The user id comes last, so that it
-- may hold spaces.
local function publish(what, at, id, detail, number, user)
  local whose = (number and 'n' or 's') .. user.id
  redis.call('PUBLISH', channel, table.concat({ what, string.format('%.0f', at), bucket .. id, detail, whose }, ' '))
end

-- Fails where memory is full, with nothing changed: an empty SETRANGE changes no key.
local function claim_memory(key)
  redis.call('SETRANGE', key, 0, '')
end

-- Takes a session out of the index and the records, and into the history. `at` is when it ended.
local function finish(user, id, reason, at, number)
  redis.call('ZREM', user.index, id)
  redis.call('UNLINK', record_key(id))
  -- Another process may keep a history where this one doesn't: its stub goes all the same.
  local stub = redis.call('HGET', user.stubs, id)
  if stub then
    redis.call('HDEL', user.stubs, id)
    if #stub >= STUB then
      number = string.byte(stub, STUB) % 2 == 1
      if history_max > 0 then
        redis.call('LPUSH', user.history, id .. struct.pack('>I6B', at, REASONS[reason]) .. stub)
        user.pushed = true
      end
    end
  end
  publish('ended', at, id, reason, number, user)
end

-- Makes the device of a session one without a session from now on.
local function leave_device(user, session)
  if session.fingerprint ~= NO_FINGERPRINT then
    redis.call('ZADD', user.index, 'XX', 0.5 - now, '@' .. session.fingerprint)
  end
end

-- Ends a live session now.
local function finish_now(user, id, session, reason)
  finish(user, id, reason, now, session and session.number)
  if session then
    leave_device(user, session)
  end
end

-- Ends a live session now, and adds what it was to what the script answers: id, reason, record.
local function finish_and_report(ended, user, id, reason)
  local record = redis.call('GET', record_key(id)) or ''
  finish_now(user, id, parse(record), reason)
  ended[#ended + 1] = id
  ended[#ended + 1] = reason
  ended[#ended + 1] = record
end

-- Moves sessions that have expired by themselves into the history, in the order of their expiry.
-- Answers whether that were as many as one run takes, so that there may be more.
local function settle(user)
  local expired = redis.call('ZRANGEBYSCORE', user.index, 0, string.format('(%.0f', now), 'WITHSCORES', 'LIMIT', 0, BATCH)
  -- Without a stub, nothing of the session itself says any more what its user id was.
  local number = #expired > 0 and redis.call('ZSCORE', user.index, '@') == '-1.5'
  for i = 1, #expired, 2 do
    finish(user, expired[i], 'expired', tonumber(expired[i + 1]), number)
  end
  return #expired == 2 * BATCH
end

-- Whether an entry of the history is to be kept any longer. One that no release has written is not:
-- an error here would break a script off in the middle of its changes.
local function is_kept(entry)
  return #entry >= ENTRY and struct.unpack('>I6', entry, 17) + history_ms >= now
end

-- Keeps the history within its bounds; to be called after the last `finish`.
local function trim_history(user)
  if not user.pushed then
    return
  end
  redis.call('LTRIM', user.history, 0, history_max - 1)
  while true do
    local oldest = redis.call('LINDEX', user.history, -1)
    if not oldest or is_kept(oldest) then
      break
    end
    redis.call('RPOP', user.history)
  end
  redis.call('PEXPIREAT', user.history, now + history_ms)
end

-- Lets the user's keys live as long as the user is to be remembered. Never shortens that.
local function remember(user, expires)
  local wanted = expires + keep_ms
  local current = redis.call('PEXPIRETIME', user.index)
  if current < wanted then
    redis.call('PEXPIREAT', user.index, wanted)
    redis.call('PEXPIREAT', user.stubs, wanted)
  elseif redis.call('PTTL', user.stubs) == -1 then
    redis.call('PEXPIREAT', user.stubs, current)
  end
end

-- Puts a session into the index, and its device.
local function index(user, id, session)
  local expires = expiry(session)
  redis.call('ZADD', user.index, session.number and -1.5 or -1, '@', expires, id)
  if session.fingerprint ~= NO_FINGERPRINT then
    redis.call('ZADD', user.index, -expires, '@' .. session.fingerprint)
  end
  remember(user, expires)
end

-- Marks a live session active now: header, expiry, index and the history's stub.
local function refresh(user, id, session)
  local key = record_key(id)
  session.last_activity = now
  local at = struct.pack('>I6', now)
  redis.call('SETRANGE', key, 12, at)
  if history_max > 0 then
    local stub = redis.call('HGET', user.stubs, id)
    if stub then
      redis.call('HSET', user.stubs, id, at .. string.sub(stub, 7))
    end
  end
  -- In a session's very last millisecond there is nothing left to prolong, and Redis deletes a key
  -- that is told to expire now.
  if session.idle > 0 and expiry(session) > now then
    redis.call('PEXPIREAT', key, expiry(session))
  end
  index(user, id, session)
end

-- The user's live session of this fingerprint, nil where there is none; and whether the device is
-- known. The device's score is minus the expiry of its session.
local function session_of_device(user, fingerprint)
  local score = redis.call('ZSCORE', user.index, '@' .. fingerprint)
  if not score then
    return nil, false
  end
  local expires = -tonumber(score)
  if expires >= now then
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', user.index, expires, expires)) do
      if redis.call('GETRANGE', record_key(id), 30, 37) == fingerprint then
        return id, true
      end
    end
  end
  return nil, true
end

-- Forgets devices that were last used too long ago, before it is asked whether one is known.
local function forget_devices(user, device_ms)
  redis.call('ZREMRANGEBYSCORE', user.index, string.format('(%.1f', device_ms - now + 0.5), -2)
end

-- Forgets the devices without a session beyond the bound, those whose session ran out first. In the
-- index they stand last among the devices: the closer to -1, the longer ago.
local function trim_devices(user, device_max)
  local excess = redis.call('ZCOUNT', user.index, string.format('(-%.0f', now), -2) - device_max
  if excess > 0 then
    local devices = redis.call('ZCOUNT', user.index, '-inf', -2)
    redis.call('ZREMRANGEBYRANK', user.index, devices - excess, devices - 1)
  end
end

