-- Whether a session comes before another: by a time of each, then by their ids, byte by byte as in Rust
-- and in sorted sets. Lua's own `<` for strings goes by the locale that the server was started in.
local function precedes(time, id, other_time, other)
  if time ~= other_time then
    return time < other_time
  end
  local a, b, c = cut('>I6I6I4', id)
  local x, y, z = cut('>I6I6I4', other)
  return a < x or (a == x and (b < y or (b == y and c < z)))
end
