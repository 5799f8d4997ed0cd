/** Port mappings as they are listed: the row, what its host said of the lease last, and the address to connect to. */
import type { Connection } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";
import { storedReasonColumn, type StoredReason } from "../database/values/reason-columns.ts";
import { ADDRESS, type AddressRow, peoplesAddress } from "../hosts/host-addresses.ts";
import { isVisible, visibleParameters, type VisibleTo } from "../accounts/visibility.ts";

export interface PortMappingRow {
  id: number;
  env_id: string;
  host_id: string | null;
  /** Where it is reached; null where only the old system knew, or what its host reports is not confirmed. */
  host: string | null;
  service_type: string;
  external_port: number;
  internal_port: number;
  status: string;
  /** Both null for one that the old system leased. */
  lease_id: string | null;
  want: "held" | "released" | null;
  state: string | null;
  detail: StoredReason;
  release_reason: StoredReason;
  auto_release_hours: number | null;
  allocated_at: Date | null;
  last_accessed_at: Date | null;
  release_due_at: Date | null;
  bytes_in: number | null;
  bytes_out: number | null;
  released_at: Date | null;
}

/** The environments are there: what is mapped to deleted ones is nobody's any more. */
const SELECT = `SELECT ${safeBigint("p.id")} AS id, p.env_id, p.host_id, ${ADDRESS} AS address,
    p.service_type, p.external_port, p.internal_port, coalesce(p.status, 'active') AS status, p.lease_id, o.want,
    o.state, ${storedReasonColumn("o", "detail")} AS detail, ${storedReasonColumn("o", "release_reason")} AS release_reason, p.auto_release_hours, p.allocated_at, p.last_accessed_at, o.release_due_at,
    o.bytes_in, o.bytes_out, p.released_at
  FROM port_mappings p JOIN environments e ON e.id = p.env_id AND e.deleted_at IS NULL
  LEFT JOIN hosts h ON h.id = p.host_id LEFT JOIN lease_orders o ON o.id = p.lease_id`;

type Selected = Omit<PortMappingRow, "host"> & { address: AddressRow | null };

function visible({ address, ...row }: Selected): PortMappingRow {
  return { ...row, host: address === null ? null : peoplesAddress(address) };
}

export async function portMappingById(sql: Connection, id: number): Promise<PortMappingRow | null> {
  const { rows } = await sql.query<Selected>(`${SELECT} WHERE p.id = $1`, [id]);
  return rows.map(visible)[0] ?? null;
}

/** Null until its host has bound it. */
export async function portMappingOfLease(
  sql: Connection,
  { environmentId, leaseId }: { environmentId: string; leaseId: string },
): Promise<PortMappingRow | null> {
  const { rows } = await sql.query<Selected>(`${SELECT} WHERE p.env_id = $1 AND p.lease_id = $2`, [
    environmentId,
    leaseId,
  ]);
  return rows.map(visible)[0] ?? null;
}

export interface PortMappingFilter {
  visibleTo: VisibleTo | null;
  environmentId: string | null;
  status: string | null;
  service: string | null;
}

/** Newest first; fetches one row more than the limit. */
export async function listPortMappings(
  sql: Connection,
  filter: PortMappingFilter,
  page: { limit: number; after: number | null },
): Promise<PortMappingRow[]> {
  const { rows } = await sql.query<Selected>(
    `${SELECT}
      WHERE ${isVisible("e", ["$1", "$2"])}
        AND ($3::text IS NULL OR p.env_id = $3) AND ($4::text IS NULL OR coalesce(p.status, 'active') = $4)
        AND ($5::text IS NULL OR p.service_type = $5) AND ($6::bigint IS NULL OR p.id < $6)
      ORDER BY p.id DESC LIMIT $7`,
    [
      ...visibleParameters(filter.visibleTo),
      filter.environmentId,
      filter.status,
      filter.service,
      page.after,
      page.limit + 1,
    ],
  );
  return rows.map(visible);
}

/** One that the old system leased: no host knows it, so it is over at once. */
export async function releaseOldMapping(
  sql: Connection,
  { id, now }: { id: number; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE port_mappings SET status = 'released', released_at = $2
      WHERE id = $1 AND lease_id IS NULL AND status IS DISTINCT FROM 'released'`,
    [id, now],
  );
}
