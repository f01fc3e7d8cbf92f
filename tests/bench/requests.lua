-- wrk: sends the requests of a file, a line each: method, path, token, body, Idempotency-Key, with tabs
-- between them; token, body and key may be empty.
-- "once": each request at most once, a share of the file for each thread; "cycle": again and again.
-- Prints its figures as one line of JSON.

local threads = {}

function setup(thread)
	thread:set("number", #threads)
	table.insert(threads, thread)
end

local function read(line)
	local method, path, token, body, key = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t?([^\t]*)\t?(.*)$")
	local headers = { ["Host"] = "127.0.0.1" }

	if token ~= "" then
		headers["Authorization"] = "Bearer " .. token
	end
	if body ~= "" then
		headers["Content-Type"] = "application/json"
	else
		body = nil
	end
	if key ~= "" then
		headers["Idempotency-Key"] = key
	end
	return wrk.format(method, path, headers, body)
end

function init(args)
	local count, n = tonumber(args[3]), 0

	lines, at, cycle, missing = {}, 0, args[2] == "cycle", 0
	for line in io.lines(args[1]) do
		if n % count == number then
			table.insert(lines, line)
		end
		n = n + 1
	end
end

function request()
	at = at + 1
	if at > #lines then
		if cycle then
			at = 1
		else
			missing = missing + 1
			return wrk.format("GET", "/api/v1/payments/health")
		end
	end
	return read(lines[at])
end

function done(summary, latency)
	local missed = 0

	for _, thread in ipairs(threads) do
		missed = missed + thread:get("missing")
	end
	io.write(string.format(
		'\n{"requests": %d, "seconds": %.6f, "bytes": %d, "connect": %d, "read": %d, "write": %d, ' ..
		'"status": %d, "timeout": %d, "missing": %d, "mean_ms": %.3f, "p50_ms": %.3f, ' ..
		'"p99_ms": %.3f, "max_ms": %.3f}\n',
		summary.requests, summary.duration / 1e6, summary.bytes, summary.errors.connect,
		summary.errors.read, summary.errors.write, summary.errors.status, summary.errors.timeout, missed,
		latency.mean / 1e3, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
		latency.max / 1e3))
end
