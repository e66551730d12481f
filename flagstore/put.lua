-- put writes a flag's document under a pen.
--   ARGV  6 flag   7 owner   8 fence   9 acknowledged   10 document
--         11 lease in ms, 0 for none   12 who holds the pen afterwards   13 mark
--         14 layer of which slots are claimed, '' for none   15 claims of it that were read, or -1
--         16 1: it exposes more than its writer has exposed so far
local flag, owner, fence, acknowledged, document = ARGV[6], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]
local lease, heir, mark = tonumber(ARGV[11]), ARGV[12], ARGV[13]

local function same(a, b)
  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

-- wider is true unless the new document exposes nobody, or nobody whom the old one does not.
-- What another layer or other exceptions come to is not looked into.
local function wider(new, old)
  local exposure = tonumber(new.exposure) or 100
  if exposure == 0 and not new.include then return false end
  if exposure > (tonumber(old.exposure) or 0) or not same(new.where, old.where) then return true end
  if not same(new.except, old.except) or not same(new.layer, old.layer) then return true end
  return new.include and not same(new.include, old.include)
end

local strange = foreign()
if strange then return strange end

local stored, text = read(STATE, 'f:' .. flag)
-- A retry may come after the pen was handed on, so it is recognised before the pen is asked for.
if stored == fence and text == document then return {'DUP', whole(stored), whole(revision())} end
-- What Redis has forgotten may be the taking of the pen.
if stored < acknowledged then return {'LOST', whole(stored)} end
local holder = redis.call('HGET', PENS, 'owner:' .. flag) or ''
if holder ~= '' and holder ~= owner then return {'OWNED', whole(stored), holder} end
if stored > fence then return {'STALE', whole(stored)} end
if stored == fence then return {'DRIFT', whole(stored)} end
if ahead(fence, stored) then return {'AHEAD', whole(stored), whole(now)} end
-- Where the document is lost, there is nothing to compare with, and whoever writes it again
-- may do so: readers see the kill. A raise is one whatever is stored, be it lost or edited.
local _, register = read(STATE, 'k:' .. flag)
local raises = ARGV[16] == '1'
if (text or raises) and register and decode(register).killed and wider(decode(document), raises and {} or decode(text)) then
  return {'KILLED', whole(stored), register}
end
-- Slots that the stored document has not got are claimed, as with the taking of a pen:
-- it was lost, or had left the layer, and somebody may have come since.
local layer, claims = ARGV[14], tonumber(ARGV[15])
if layer ~= '' and not same(decode(document).layer, decode(text).layer) then
  local claimed = tonumber(redis.call('HGET', PENS, 'claims:' .. layer) or 0)
  if claimed ~= claims then return {'CLAIM', whole(stored)} end
  redis.call('HSET', PENS, 'claims:' .. layer, whole(claims + 1))
end

redis.call('HSET', PENS, 'owner:' .. flag, heir)
if lease > 0 then
  redis.call('HSET', LEASES, flag, whole(fence) .. ' ' .. whole(now + lease))
else
  redis.call('HDEL', LEASES, flag)
end
return {'OK', whole(fence), commit('f', flag, fence, document, mark)}
