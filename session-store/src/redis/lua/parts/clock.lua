-- The time.

local time = call('TIME')
local now = time[2] / 1000
now = time[1] * 1000 + now - now % 1
local now_score = format('%d', 2 * now)
