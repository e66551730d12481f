-- setup writes what a store is for, unless it is for something else already.
--   ARGV  6 environment   7 a new epoch
local environment = redis.call('HGET', STATE, 'environment') or ARGV[6]
local namespace = redis.call('HGET', STATE, 'namespace') or ARGV[2]
if environment ~= ARGV[6] or namespace ~= ARGV[2] then return {'FOREIGN', namespace, environment} end
redis.call('HSET', STATE, 'environment', environment, 'namespace', namespace)
redis.call('HSETNX', STATE, 'epoch', ARGV[7])
redis.call('HSETNX', STATE, 'revision', whole(micros))
return {'OK', redis.call('HGET', STATE, 'epoch')}
