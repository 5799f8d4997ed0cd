/** Where services lie, written down with each once a gateway has said it, and for life: whatever gateways say later. */
import { endpointUrl } from "../../core/gateway/services/service-address.ts";
import type { Connection } from "../database/database.ts";

/** Null before a gateway has said where it is. */
export async function firstEndpoint(sql: Connection, id: string): Promise<string | null> {
  const { rows } = await sql.query<{ service_base: string }>(
    "SELECT service_base FROM gateways WHERE service_base IS NOT NULL ORDER BY seen_at DESC, id LIMIT 1",
  );
  return rows[0] === undefined ? null : endpointUrl(rows[0].service_base, id);
}

const ID = "{id}";

/** To those that have none yet; one that somebody else holds just now gets it the next time. */
export async function giveEndpoints(sql: Connection, base: string): Promise<void> {
  await sql.change(
    `UPDATE inference_services SET endpoint_url = replace($1, $2, id) WHERE id IN (
       SELECT s.id FROM inference_services s WHERE s.endpoint_url IS NULL AND s.deleted_at IS NULL
          AND EXISTS (SELECT FROM service_revisions v WHERE v.service_id = s.id)
          FOR UPDATE OF s SKIP LOCKED)`,
    [endpointUrl(base, ID), ID],
  );
}
