/**
 * Tickets of administrators for environments of others. One that is open stands in what its host is told; a pass ends it
 * when its time is over, which raises the host's generation as any other change of who may enter does.
 */
import { ticketSetId } from "../../../core/environments/access/ssh-ticket.ts";
import type { KeySet } from "@remotegpu/shared/instance/ssh-access";
import type { Connection, Transaction } from "../../database/database.ts";

export interface SshTicketRow {
  id: number;
  env_id: string;
  /** The administrator. */
  customer_id: number;
  fingerprint: string;
  reason: string;
  made_at: Date;
  expires_at: Date;
  ended_at: Date | null;
  ended_by: string | null;
}

const COLUMNS = "id, env_id, customer_id, fingerprint, reason, made_at, expires_at, ended_at, ended_by";

export interface NewSshTicket {
  environmentId: string;
  customerId: number;
  /** Type and body, as keyLine answers. */
  line: string;
  fingerprint: string;
  reason: string;
  now: Date;
  expiresAt: Date;
}

export async function insertTicket(sql: Transaction, ticket: NewSshTicket): Promise<SshTicketRow> {
  const { rows } = await sql.change<SshTicketRow>(
    `INSERT INTO ssh_tickets (id, env_id, customer_id, public_key, fingerprint, reason, made_at, expires_at)
     VALUES (nextval(pg_get_serial_sequence('ssh_keys', 'id')), $1, $2, $3, $4, $5, $6, $7) RETURNING ${COLUMNS}`,
    [
      ticket.environmentId,
      ticket.customerId,
      ticket.line,
      ticket.fingerprint,
      ticket.reason,
      ticket.now,
      ticket.expiresAt,
    ],
    { makes: "ssh-ticket" },
  );
  return rows[0] as SshTicketRow;
}

/** Newest first; fetches one row more than the limit. */
export async function ticketsOf(
  sql: Connection,
  environmentId: string,
  page: { limit: number; after: number | null },
): Promise<SshTicketRow[]> {
  const { rows } = await sql.query<SshTicketRow>(
    `SELECT ${COLUMNS} FROM ssh_tickets WHERE env_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [environmentId, page.after, page.limit + 1],
  );
  return rows;
}

/** The tickets of these environments, as their host receives them: each a set of one key. */
export async function openTickets(
  sql: Connection,
  environmentIds: readonly string[],
): Promise<ReadonlyMap<string, KeySet[]>> {
  if (environmentIds.length === 0) return new Map();
  const { rows } = await sql.query<{ id: number; env_id: string; line: string; expires_at: Date }>(
    `SELECT id, env_id, public_key AS line, expires_at FROM ssh_tickets
      WHERE env_id = ANY($1::text[]) AND ended_at IS NULL ORDER BY id`,
    [environmentIds],
  );
  return new Map(
    [...Map.groupBy(rows, ({ env_id }) => env_id)].map(([environmentId, tickets]) => [
      environmentId,
      tickets.map(({ id, line, expires_at }) => ({
        id: ticketSetId(id),
        keys: [{ id, line, expiresAt: expires_at.toISOString() }],
      })),
    ]),
  );
}

/** The fingerprints of those that are open. */
export async function openTicketKeys(sql: Connection, environmentId: string): Promise<string[]> {
  const { rows } = await sql.query<{ fingerprint: string }>(
    "SELECT fingerprint FROM ssh_tickets WHERE env_id = $1 AND ended_at IS NULL",
    [environmentId],
  );
  return rows.map(({ fingerprint }) => fingerprint);
}

/** Before its time; null where it is not open. */
export async function endTicket(
  sql: Transaction,
  { environmentId, id, actor, now }: { environmentId: string; id: number; actor: string; now: Date },
): Promise<SshTicketRow | null> {
  const { rows } = await sql.change<SshTicketRow>(
    `UPDATE ssh_tickets SET ended_at = least($4, expires_at), ended_by = $3
      WHERE env_id = $1 AND id = $2 AND ended_at IS NULL RETURNING ${COLUMNS}`,
    [environmentId, id, actor, now],
  );
  return rows[0] ?? null;
}

/** The environments with open tickets whose time is over. */
export async function environmentsOfExpired(
  sql: Connection,
  { now, limit }: { now: Date; limit: number },
): Promise<string[]> {
  const { rows } = await sql.query<{ env_id: string }>(
    `SELECT DISTINCT env_id FROM (SELECT env_id FROM ssh_tickets WHERE ended_at IS NULL AND expires_at <= $1
        ORDER BY expires_at LIMIT $2) due`,
    [now, limit],
  );
  return rows.map(({ env_id }) => env_id);
}

/** Those of the environment whose time is over. */
export async function endExpiredTickets(
  sql: Transaction,
  { environmentId, now }: { environmentId: string; now: Date },
): Promise<SshTicketRow[]> {
  const { rows } = await sql.change<SshTicketRow>(
    `UPDATE ssh_tickets SET ended_at = expires_at, ended_by = 'control-plane'
      WHERE env_id = $1 AND ended_at IS NULL AND expires_at <= $2 RETURNING ${COLUMNS}`,
    [environmentId, now],
  );
  return rows;
}
