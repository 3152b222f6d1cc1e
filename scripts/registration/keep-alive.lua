-- For wrk: sends each request of the file FPKI_BENCH_REQUESTS once, where each has its length in the line before it. Prints
-- JSON at the end; `out` says that the requests were not enough.
local requests = {}
local sent = 0

function init()
  local file = assert(io.open(os.getenv('FPKI_BENCH_REQUESTS'), 'rb'))
  for length in file.lines, file do
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
  io.write(string.format('{"clock": %f}\n', os.clock()))
end

function request()
  sent = sent + 1
  if sent > #requests then
    io.write('{"out": true}\n')
    os.exit(1)
  end
  return requests[sent]
end

function done(summary, latency)
  local times = {}
  for permille = 1, 999 do
    times[permille] = string.format('%.3f', latency:percentile(permille / 10) / 1000)
  end
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  local form = '{"clock": %f, "count": %d, "seconds": %f, "refused": %d, "lost": %d, "times": [%s]}\n'
  local seconds = summary.duration / 1e6
  io.write(form:format(os.clock(), summary.requests, seconds, errors.status, lost, table.concat(times, ', ')))
end
