-- Sends the requests of a file over and over, and prints one line that a program can read.
--
-- Arguments (after `--`): the file. It holds requests as they go over the wire, each after a line
-- with its length in bytes.

local requests = {}
local next_request = 0

function init(args)
   local file = assert(io.open(args[1], "rb"))
   while true do
      local length = file:read("*n")
      if length == nil then break end
      file:read(1)
      requests[#requests + 1] = file:read(length)
   end
   file:close()
end

function request()
   next_request = next_request % #requests + 1
   return requests[next_request]
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format("MEASURED %d %d %d %d %d %d\n",
      summary.requests, summary.duration,
      errors.connect + errors.read + errors.write + errors.timeout, errors.status,
      latency:percentile(50), latency:percentile(99)))
end
