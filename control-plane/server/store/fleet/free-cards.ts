/** Which cards an order could take now, for all that counts or shows them. */

/** SQL: somebody holds the card `g`, or a slice of it. */
export const IS_HELD =
  "EXISTS (SELECT FROM gpu_allocations a WHERE a.gpu_uuid = g.uuid AND a.released_at IS NULL)";

/** SQL of the card `g` of the host `h`, with its health `k` where that is known; who holds it is not asked. */
export const IS_OPEN = `(h.connection = 'connected' AND h.revoked_at IS NULL AND NOT h.cordoned AND NOT g.cordoned
  AND g.vanished_at IS NULL AND g.conflict_host_id IS NULL AND g.health_status IS DISTINCT FROM 'unhealthy'
  AND NOT coalesce(k.has_sign, false) AND coalesce(k.strangers, '[]') = '[]')`;
