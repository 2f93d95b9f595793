-- Remembers a credential for longer, where it is remembered.
--
-- KEYS[1] the mark   ARGV[1] until when, ms

local MARK_MARGIN = 60000 -- as in parts/begin.lua
local mark = redis.call('GET', KEYS[1])
if mark and #mark == 18 then
  local issued_at, expires_at, known_until = struct.unpack('>I6I6I6', mark)
  known_until = math.max(known_until, ARGV[1])
  redis.call('SET', KEYS[1], struct.pack('>I6I6I6', issued_at, expires_at, known_until), 'PXAT', string.format('%d', known_until + MARK_MARGIN))
end
