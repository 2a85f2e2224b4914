-- wrk -s load.lua URL -- METHOD PREFIX SUFFIX KEYS BODY_BYTES random|in-order
--
-- Every request is made once, before the run; during it a request costs one
-- random number and one look into a table, the same for every contender.

local requests = {}
local keys, in_order
local at = 0

function init(args)
    local method, prefix, suffix = args[1], args[2], args[3]
    local size = tonumber(args[5])
    local body = size > 0 and string.rep("v", size) or nil

    keys = tonumber(args[4])
    in_order = args[6] == "in-order"
    math.randomseed(os.time())

    for i = 1, keys do
        requests[i] = wrk.format(method, string.format("%skey%05d%s", prefix,
                                 i - 1, suffix), nil, body)
    end
end

function request()
    if in_order then
        at = at % keys + 1
        return requests[at]
    end

    return requests[math.random(keys)]
end

function done(summary, latency)
    local e = summary.errors

    io.write(string.format('\nresult {"requests":%d,"seconds":%.6f,'
        .. '"errors":%d,"not_2xx":%d,"p50":%d,"p99":%d,"p999":%d,"max":%d}\n',
        summary.requests, summary.duration / 1e6,
        e.connect + e.read + e.write + e.timeout, e.status,
        latency:percentile(50), latency:percentile(99),
        latency:percentile(99.9), latency.max))
end
