-- What every script begins with, and what all of them go by. The store's settings precede it, as
-- literals; a line `include 'parts/part'` stands for the lines of that part's file (source.rs).
--
-- KEYS[1] is in the user's hash slot and routes the script there. The other keys are derived from it
-- and from the user id that the record or the index's name holds, by the rules of keys.rs: an id
-- alone leads to everything, in one round trip. All of them share KEYS[1]'s hash tag.
--
-- A record, counted from 1 (codec.rs has the same table): 1 version (and 128 where the device was new, 64
-- where the session has moved to another), 2 created at, 8 last activity,
-- 14 absolute expiry, 20 idle timeout, 26 verifier, 42 revision, 46 fingerprint, 54 flags, 55 length of
-- the user id, 57 of the texts, 59 user id, texts, last address, data.
--
-- The index is one sorted set; its scores count half milliseconds. A session is its id's 16
-- characters and the 6 bytes of its creation, scored by its expiry; it is alive while now <= its
-- expiry, exactly as long as Redis serves its record. A device is '@' and the 8 bytes of its
-- fingerprint, scored by minus the expiry of its session, so that the one leads to the other. Where
-- that session was ended, the score is minus the half millisecond before that moment: other than one
-- that expires now, the device has no session. The member '@' alone keeps the set alive: "this user
-- has had a session"; scored -3 where the last one's user id was a number, -2 where it was a string.
--
-- What costs time here is the number of commands, of their arguments, and of all that is made:
-- functions most of all, and every script makes its functions anew. So there are next to none, and
-- parts are lines, not functions. Numbers as arguments cost, too: Redis turns one into text five
-- times as slowly as `format('%d', …)`, which on a 64-bit server is wide enough. A table that grows is
-- made anew each time, and one in another is most of what an answer costs.

local call, sub = redis.call, string.sub

local HEADER = 58 -- bytes
local STUB = 7 -- bytes that a stub has at least, the last of them its flags
local ENTRY = 36 -- bytes that an entry of the history has at least
local BATCH, MORE_THAN_BATCH = 500, '501' -- sessions that one run ends at most: a few milliseconds
local BATCH_BYTES = 4194304 -- and how much of their records it reads
local MARK_MARGIN = 60000 -- ms that a mark outlives its time: clocks are read, and not all at once
local NO_FINGERPRINT = '\0\0\0\0\0\0\0\0'

local base = sub(KEYS[1], 1, BASE)
