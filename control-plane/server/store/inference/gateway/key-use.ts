/** What keys with limits have used, by what gateways wrote down. */
import type { Connection } from "../../database/database.ts";

export interface NamedKey {
  serviceId: string;
  keyName: string;
}

/** Tokens of the UTC day in which `now` lies, in the order of the keys. */
export async function tokensToday(sql: Connection, keys: readonly NamedKey[], now: Date): Promise<number[]> {
  const { rows } = await sql.query<{ tokens: number }>(
    `SELECT coalesce((SELECT sum(t.prompt_tokens + t.completion_tokens) FROM service_traffic t
              WHERE t.service_id = a.service_id AND t.key_name = a.key_name
                AND t.minute >= date_trunc('day', $3::timestamptz, 'UTC')), 0)::float8 AS tokens
       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a(service_id, key_name, nth) ORDER BY a.nth`,
    [keys.map(({ serviceId }) => serviceId), keys.map(({ keyName }) => keyName), now],
  );
  return rows.map(({ tokens }) => tokens);
}
