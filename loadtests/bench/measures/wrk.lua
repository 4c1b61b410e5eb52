-- The last line that wrk prints: what it has counted, as JSON. Times are microseconds.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"answers": %d, "duration": %d, "p99": %d, "refused": %d, "unanswered": %d}\n',
    summary.requests, summary.duration, latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
