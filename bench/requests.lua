-- Sends prepared requests in turn and prints what happened as one line of JSON.
-- The file named by the first argument holds them, each after a line with its length; the second says how many
-- answers may have another status than 200 (they are counted either way).

local requests, position = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  while true do
    local length = file:read("*n", "*l")
    if not length then break end
    requests[#requests + 1] = file:read(length)
  end
  file:close()
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "status": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
