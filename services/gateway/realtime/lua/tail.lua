-- Where a relay stream ends, without the entry itself: it may be large.
-- KEYS[1]  gateway:{<session>}:relay:<receiver>
-- Returns  the id of the newest entry, false if there is none
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return newest[1] and newest[1][1] or false
