/** What the agents of hosts can do beyond the protocol's first form, as they say in their heartbeats. */
import type { Feature } from "@remotegpu/shared/instance/features";
import { SSH_FEATURE } from "@remotegpu/shared/instance/ssh-access";
import { IMAGE_FETCH_FEATURE } from "@remotegpu/shared/instance/image-fetch";
import type { Connection } from "../database/database.ts";

/** Whether the agent of the host `h` follows fetches and reports its pulls. One of before is never ordered to. */
export const FOLLOWS_FETCHES = `coalesce('${IMAGE_FETCH_FEATURE}' = ANY(h.features), false)`;

/** Whether the agent of the host `h` serves SSH with keys and passwords of ours. */
export const SERVES_SSH = `coalesce('${SSH_FEATURE}' = ANY(h.features), false)`;

/** Whether the agent of the host `h` reports the output of a container's services apart. */
export const REPORTS_SERVICES = `coalesce('${"service-logs" satisfies Feature}' = ANY(h.features), false)`;

/** Whether the agent of the host `h` keeps an image's xrdp up, with passwords of ours. */
export const SERVES_RDP = `coalesce('${"rdp" satisfies Feature}' = ANY(h.features), false)`;

/** Whether the agent of the host `h` reports what is open to a replica that drains, and lets nothing new in. */
export const REPORTS_STREAMS = `coalesce('${"drains" satisfies Feature}' = ANY(h.features), false)`;

export async function hostHasFeature(sql: Connection, hostId: string, feature: Feature): Promise<boolean> {
  const { rows } = await sql.query("SELECT FROM hosts WHERE id = $1 AND $2 = ANY(features)", [
    hostId,
    feature,
  ]);
  return rows.length > 0;
}

/** Those of these hosts whose agents serve SSH. */
export async function servingSsh(sql: Connection, hostIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (hostIds.length === 0) return new Set();
  const { rows } = await sql.query<{ id: string }>(
    `SELECT h.id FROM hosts h WHERE h.id = ANY($1::text[]) AND ${SERVES_SSH}`,
    [[...new Set(hostIds)]],
  );
  return new Set(rows.map(({ id }) => id));
}
