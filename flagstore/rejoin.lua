-- rejoin writes a register under the version that it had, unless a later one is there.
--   ARGV  6 kind   7 name   8 version   9 text
local kind, name, version, text = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9]

local strange = foreign()
if strange then return strange end

local stored = read(STATE, kind .. ':' .. name)
if stored >= version then return {'DUP', whole(stored), whole(revision())} end
return {'OK', whole(version), commit(kind, name, version, text, '!')}
