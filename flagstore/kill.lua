-- kill sets or lifts the kill register of a flag. It asks for no pen.
--   ARGV  6 flag   7 1: kill, 0: lift   8 version of the register that was seen
--         9 by   10 reason   11 the register, as JSON without its opening brace, version and time
--         12 how many earlier killers are remembered
local flag, kill, seen, by, reason = ARGV[6], ARGV[7] == '1', tonumber(ARGV[8]), ARGV[9], ARGV[10]

-- also lists who else has killed since the last restore: whoever kills again must not
-- make the one before a second person.
local function also(old)
  local names, known = {}, {[by] = true}
  local before = type(old.also) == 'table' and old.also or {}
  for _, name in ipairs({old.by or '', unpack(before)}) do
    if name ~= '' and not known[name] and #names < tonumber(ARGV[12]) then
      names[#names + 1], known[name] = name, true
    end
  end
  return names
end

local strange = foreign()
if strange then return strange end

-- A store without an epoch has lost everything; whoever kills then means a flag
-- that readers still hold.
local known = redis.call('HEXISTS', STATE, 'f:' .. flag) == 1
if kill and not known and redis.call('HGET', STATE, 'epoch') then return {'NOTFOUND'} end

local stored, text = read(STATE, 'k:' .. flag)
local old = decode(text)
if kill and old.killed and old.by == by and old.reason == reason and now - stored < 10000 then
  -- A retry. Written again, so that WAIT on this connection has something to wait for.
  redis.call('HSET', STATE, 'k:' .. flag, whole(stored) .. ' ' .. text)
  return {'DUP', whole(stored), text, whole(revision())}
end
if not kill and not old.killed then return {'DUP', whole(stored), text or '', whole(revision())} end
if not kill and stored ~= seen then return {'MOVED', whole(stored), text} end

local version = math.max(stored + 1, now)
text = '{"version":' .. whole(version) .. ',"at":' .. whole(now) .. ',' .. ARGV[11]
local others = kill and old.killed and also(old) or {}
if #others > 0 then text = string.sub(text, 1, -2) .. ',"also":' .. cjson.encode(others) .. '}' end
return {'OK', whole(version), text, commit('k', flag, version, text, '!')}
