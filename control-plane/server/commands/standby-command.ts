/**
 * `standby status`, `standby require` and `standby alone`: whether a standby of Postgres must confirm an order or money
 * before it is acknowledged. Both switches are in the audit log.
 */
import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import { appendAuditEntries } from "../store/audit/audit-log.ts";
import { type Database, transaction } from "../store/database/database.ts";
import { requireStandby, type StandbyStatus, standbyStatus } from "../store/database/standby.ts";

export const STANDBY_STEPS = ["status", "require", "alone"] as const;
export type StandbyStep = (typeof STANDBY_STEPS)[number];

/** What was asked for cannot be done as things are; nothing was changed. */
export class StandbyError extends Error {
  override readonly name = "StandbyError";
}

const MAX_REASON_LENGTH = 200;
const CONFIRMING = new Set(["sync", "quorum"]);

export interface StandbyCommandOptions {
  reason?: string | undefined;
  json?: boolean | undefined;
}

/** @throws StandbyError where one is required that is not there */
export async function standbyCommand(
  db: Database,
  { step, reason, json = false }: StandbyCommandOptions & { step: StandbyStep },
  { print, now }: { print: (text: string) => void; now: Date },
): Promise<void> {
  if (step !== "status") {
    const isRequired = step === "require";
    if (isRequired) assertAttached(await standbyStatus(db));
    await switchTo(db, { isRequired, reason: reason ?? null, now });
  }
  const status = await standbyStatus(db);
  print(json ? JSON.stringify(status) : textOf(status));
}

function assertAttached({ standbys, synchronousStandbyNames }: StandbyStatus): void {
  if (standbys.some(confirms)) return;
  if (synchronousStandbyNames === "")
    throw new StandbyError(
      "synchronous_standby_names of the primary is empty, so no standby confirms anything: name the standby there",
    );
  if (standbys.some(({ syncState }) => syncState === null))
    throw new StandbyError(
      "this login may not see pg_stat_replication: GRANT pg_read_all_stats TO remotegpu_app, and to the login of DATABASE_URL",
    );
  throw new StandbyError(
    `no standby of synchronous_standby_names (${synchronousStandbyNames}) is attached to the primary`,
  );
}

async function switchTo(
  db: Database,
  { isRequired, reason, now }: { isRequired: boolean; reason: string | null; now: Date },
): Promise<void> {
  const action = isRequired ? "standby.require" : "standby.alone";
  await transaction(db, async (sql) => {
    const isChanged = await requireStandby(sql, isRequired);
    const entry = {
      at: now,
      requestId: randomUUID(),
      traceId: null,
      apiKeyId: null,
      actorCustomerId: null,
      actorRole: null,
      method: "COMMAND",
      route: isRequired ? "standby require" : "standby alone",
      action,
      targetKind: null,
      targetId: null,
      subject: (reason === null ? userName() : `${userName()}: ${reason}`).slice(0, MAX_REASON_LENGTH),
      outcome: "done" as const,
      status: null,
      problem: null,
      reason: null,
      before: isChanged ? { standby_required: !isRequired } : null,
      after: isChanged ? { standby_required: isRequired } : null,
      attempts: 1,
    };
    await appendAuditEntries(sql, [entry]);
  });
}

function userName(): string {
  return `${userInfo().username} on the server`;
}

function confirms({ syncState }: StandbyStatus["standbys"][number]): boolean {
  return syncState !== null && CONFIRMING.has(syncState);
}

function textOf(status: StandbyStatus): string {
  const { isRequired, standbys, synchronousCommit } = status;
  const isAttached = standbys.some(confirms);
  return [
    isRequired
      ? "A standby must confirm orders and money before they are acknowledged."
      : "Orders and money are acknowledged without a standby.",
    ...standbys.map(
      ({ name, syncState, lagSeconds }) =>
        `  ${name}: ${syncState ?? "hidden from this login"}${lagSeconds === null ? "" : `, ${lagSeconds.toFixed(1)} s behind`}`,
    ),
    ...(standbys.length === 0 ? ["  No standby is attached."] : []),
    ...(isRequired && !isAttached
      ? ["None confirms now, so orders and money are refused. Next: attach one, or `standby alone`."]
      : []),
    ...(isRequired && synchronousCommit !== "remote_apply"
      ? [
          `synchronous_commit is ${synchronousCommit}: placements and charges do not wait for the standby, and a promotion may lose some. Set it to remote_apply on the server.`,
        ]
      : []),
  ].join("\n");
}
