#!lua flags=allow-oom
-- The beginning of every script. Memory must be full for somebody else: a kill or
-- a turning back is never refused for it.
--   KEYS  1 state   2 pens   3 leases   4 audit   5 history
--   ARGV  1 channel   2 namespace   3 cap of the audit   4 cap of the history
--         5 the event, as JSON without its opening brace, version and time
local STATE, PENS, LEASES, AUDIT, HISTORY = unpack(KEYS)

local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local now = math.floor(micros / 1000)

-- whole prints all digits of a number; tostring keeps fourteen.
local function whole(n) return string.format('%.0f', n) end

-- read returns version and text of a field "version text"; 0 where there is
-- nothing, or nothing that can be read.
local function read(key, field)
  local version, text = string.match(redis.call('HGET', key, field) or '', '^(%d+) (.*)$')
  return tonumber(version or 0), text
end

local function decode(text)
  local ok, value = pcall(cjson.decode, text or '{}')
  return ok and type(value) == 'table' and value or {}
end

local function revision() return tonumber(redis.call('HGET', STATE, 'revision') or 0) or 0 end

-- foreign tells a writer of another Temporal namespace that this is not its store.
local function foreign()
  local stored = redis.call('HGET', STATE, 'namespace')
  if stored and ARGV[2] ~= '' and stored ~= ARGV[2] then return {'FOREIGN', stored} end
end

-- ahead is true of a version that only a wrong clock can have made. The one right
-- after what is stored is always let through: no clock may block a turning back.
local function ahead(version, stored) return version > now + 3600000 and version > stored + 1 end

local function log(stream, cap, id, event)
  local trimmed = {'XADD', stream, 'MAXLEN', '~', cap, id, 'event', event}
  if redis.pcall(unpack(trimmed)).err then -- a stream that has outlived its state
    trimmed[6] = '*'
    redis.call(unpack(trimmed))
  end
end

-- commit writes one register, records it and tells everybody; it returns the revision.
local function commit(kind, name, version, text, mark)
  local previous = revision()
  local revised = math.max(previous + 1, micros)
  redis.call('HSET', STATE, kind .. ':' .. name, whole(version) .. ' ' .. text, 'revision', whole(revised))
  local event = '{"version":' .. whole(version) .. ',"at":' .. whole(now) .. ',' .. ARGV[5]
  log(AUDIT, ARGV[3], whole(revised) .. '-0', event)
  log(HISTORY, ARGV[4], whole(revised) .. '-0', event)
  redis.call('PUBLISH', ARGV[1], table.concat({'1', whole(previous), whole(revised), mark, kind, name, whole(version)}, ' ') .. '\n' .. text)
  return whole(revised)
end
