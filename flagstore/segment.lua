-- segment writes a segment, unless it has changed since it was read. A workflow that
-- answers for the segment has not read it (-1): it writes above whatever is there, and
-- also where all was lost.
--   ARGV  6 name   7 version that was read, or -1   8 new version   9 document
local name, seen, version, document = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]

local strange = foreign()
if strange then return strange end
if seen >= 0 and not redis.call('HGET', STATE, 'epoch') then return {'NOTSETUP', '0'} end

local stored, text = read(STATE, 's:' .. name)
if stored == version and text == document then return {'DUP', whole(stored), whole(revision())} end
if seen < 0 and stored >= version then return {'STALE', whole(stored)} end
if seen >= 0 and stored ~= seen then return {'CHANGED', whole(stored)} end
return {'OK', whole(version), commit('s', name, version, document, '.')}
