/** Leases of an environment as its people are told them. */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import type { LeaseState } from "../../core/leases/lease-report.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { storedReason, storedReasonColumn, type StoredReason } from "../database/values/reason-columns.ts";
import { ADDRESS, type AddressRow, peoplesAddress } from "../hosts/host-addresses.ts";
import { SERVES_RDP, SERVES_SSH } from "../hosts/host-features.ts";
import type { Connection } from "../database/database.ts";

export interface LeaseView {
  id: string;
  service_type: LeaseService;
  internal_port: number;
  want: "held" | "released";
  state: LeaseState;
  external_port: number | null;
  detail: StoredReason;
  release_reason: StoredReason;
  auto_release_hours: number;
  last_accessed_at: Date | null;
  release_due_at: Date | null;
  bytes_in: number | null;
  bytes_out: number | null;
  /** Whether somebody answers behind it; null while nobody has looked. */
  answers_seen: boolean | null;
  answers_detail: StoredReason;
  host_id: string;
  host_name: string;
  /** Null where nobody is sent, since what it reports is not confirmed. */
  host_address: string | null;
  host_connection: string;
  /** Whether its agent serves SSH. */
  serves_ssh: boolean;
  /** Whether it keeps an image's xrdp up. */
  serves_rdp: boolean;
  /** Whether gateways reach its host by what that dials alone, and nobody said where else customers reach it. */
  host_is_shut: boolean;
}

/** A service has one lease at a time, wherever it leads to. */
const WHICH = "o.service_type, CASE WHEN o.service_type = 'custom' THEN o.internal_port END";

const SELECT = `SELECT DISTINCT ON (${WHICH}) o.id, o.service_type, o.internal_port, o.want, o.state,
    o.external_port, ${storedReasonColumn("o", "detail")} AS detail, ${storedReasonColumn("o", "release_reason")} AS release_reason, o.auto_release_hours, o.last_accessed_at, o.release_due_at,
    o.answers_seen, ${storedReasonColumn("o", "answers_detail")} AS answers_detail, o.bytes_in, o.bytes_out, o.host_id, h.name AS host_name, ${ADDRESS} AS address, h.connection AS host_connection, ${SERVES_SSH} AS serves_ssh,
    ${SERVES_RDP} AS serves_rdp,
    (h.public_ip IS NULL AND coalesce((SELECT bool_and(w.route = 'reversed') FROM gateway_routes w JOIN gateways g ON g.id = w.gateway_id
      WHERE w.host_id = h.id AND g.seen_at > now() - interval '60 seconds'), false)) AS host_is_shut
  FROM lease_orders o JOIN hosts h ON h.id = o.host_id`;

/** The newest lease of each service, and the ports opened by hand that are not over. */
export async function newestLeases(sql: Connection, environmentId: string): Promise<LeaseView[]> {
  const { rows } = await sql.query<Omit<LeaseView, "host_address"> & { address: AddressRow }>(
    `${SELECT} WHERE o.env_id = $1 AND (o.service_type <> 'custom' OR o.ended_at IS NULL)
      ORDER BY ${WHICH}, (o.want = 'held' AND o.ended_at IS NULL) DESC, o.ordered_at DESC, o.id DESC`,
    [environmentId],
  );
  return rows.map(({ address, ...lease }) => ({ ...lease, host_address: peoplesAddress(address) }));
}

/** What its host says of guesses at an environment's SSH password; null where it says nothing, or no password opens it. */
export async function guessesAtPassword(sql: Connection, environmentId: string): Promise<Reason | null> {
  const { rows } = await sql.query<{ detail: StoredReason }>(
    `SELECT ${storedReasonColumn("o", "detail")} AS detail FROM lease_orders o JOIN ssh_passwords p ON p.env_id = o.env_id
      WHERE o.env_id = $1 AND o.service_type = 'ssh' AND o.want = 'held' AND o.state = 'held' AND o.detail <> ''
        AND o.ended_at IS NULL ORDER BY o.ordered_at DESC, o.id DESC LIMIT 1`,
    [environmentId],
  );
  return rows[0] === undefined ? null : storedReason(rows[0].detail);
}

/** How many of these leases their hosts have not spoken of yet. */
export async function countWaiting(sql: Connection, leaseIds: readonly string[]): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    "SELECT count(*) AS n FROM lease_orders WHERE id = ANY($1::text[]) AND state = 'waiting'",
    [leaseIds],
  );
  return rows[0]?.n ?? 0;
}

export async function leaseState(
  sql: Connection,
  leaseId: string,
): Promise<{ state: LeaseState; detail: StoredReason } | null> {
  const { rows } = await sql.query<{ state: LeaseState; detail: StoredReason }>(
    `SELECT o.state, ${storedReasonColumn("o", "detail")} AS detail FROM lease_orders o WHERE o.id = $1`,
    [leaseId],
  );
  return rows[0] ?? null;
}
