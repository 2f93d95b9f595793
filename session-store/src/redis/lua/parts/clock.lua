-- The time, and what is needed by all that goes by it.

local format, byte, pack, cut = string.format, string.byte, struct.pack, struct.unpack
local time = call('TIME')
local now = time[2] / 1000
now = time[1] * 1000 + now - now % 1
local now_score = format('%d', 2 * now)
