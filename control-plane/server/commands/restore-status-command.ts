/** `restore status`, `restore hold` and `restore resume`: what a restored database and its hosts differ in, and the word to go on. */
import { lackOf, type HostLack } from "../core/backup/restore-readiness.ts";
import { BackupError } from "../backup/backup-error.ts";
import { holdRestored, resumeRestored } from "../store/database/restore-hold.ts";
import type { Connection, Database } from "../store/database/database.ts";
import { transaction } from "../store/database/transaction.ts";
import { markRestored } from "../store/backup/restored-incarnation.ts";
import { restoreStatus, type RestoreStatus } from "../store/overview/restore-status.ts";

const NOTHING_HELD = "Nothing waits: this database was not restored with --verify, or was resumed.";

export async function restoreStatusCommand(
  sql: Connection,
  { json = false }: { json?: boolean | undefined },
  print: (text: string) => void,
): Promise<void> {
  const status = await restoreStatus(sql);
  if (json) return print(JSON.stringify(status));
  print(status === null ? NOTHING_HELD : statusText(status));
}

/** For a database that another tool brought to an earlier moment: the same as `restore --verify` makes of a backup. */
export async function restoreHoldCommand(owner: Database, print: (text: string) => void): Promise<void> {
  const now = new Date();
  const incarnation = await transaction(owner, async (sql) => {
    await holdRestored(sql, { now, restoredTo: now });
    return await markRestored(sql, now);
  });
  print(
    `Held as incarnation ${incarnation}: nothing is placed, started, stopped or charged. Next: start the servers, look at \`restore status\`, then \`restore resume\`.`,
  );
}

/** @throws BackupError where hosts have not said all that they know, and `anyway` was not given */
export async function restoreResumeCommand(
  sql: Connection,
  { anyway = false }: { anyway?: boolean | undefined },
  print: (text: string) => void,
): Promise<void> {
  const status = await restoreStatus(sql);
  if (status === null) return print(NOTHING_HELD);
  const behind = hostsBehind(status);
  if (behind.length > 0 && !anyway)
    throw new BackupError(
      `${behind.length} of ${status.hosts.length} hosts have not said all that they know: ${behind.join(", ")}. Wait for them, or give --anyway: what they send later is charged when it comes`,
    );
  await resumeRestored(sql);
  print("Resumed: the leader places, starts, stops and charges again within seconds.");
}

function hostsBehind({ hosts }: RestoreStatus): string[] {
  return hosts.flatMap((host) => {
    const lack = lackOf(host);
    return lack === null ? [] : `${host.hostId} (${lack})`;
  });
}

function statusText(status: RestoreStatus): string {
  const { restoredTo, since, dbIncarnation, hosts, unknownInstances, endedInstances, adoptedRuns } = status;
  const lacking = hosts.map((host) => ({ host, lack: lackOf(host) }));
  const reported = lacking.filter(({ lack }) => lack === null).length;
  return [
    `Restored to ${restoredTo.toISOString()} as incarnation ${dbIncarnation}; nothing is placed, started, stopped or charged since ${since.toISOString()}.`,
    `${reported} of ${hosts.length} hosts have reported, and their usage is here.`,
    ...lacking.flatMap(({ host, lack }) =>
      lack === null ? [] : `  ${host.hostId}: ${lackText(lack, host)}`,
    ),
    ...section("run on their hosts, and are not known here; they are left alone", unknownInstances, (one) => {
      return `${one.instanceId} epoch ${one.epoch} on ${one.hostId}`;
    }),
    ...section("ran by the backup, and have ended since", endedInstances, (one) => {
      return `${one.instanceId} epoch ${one.epoch} on ${one.hostId}, run ${one.runId}`;
    }),
    ...section("were restarted after the backup, and go on", adoptedRuns, (one) => {
      return `${one.instanceId}: run ${one.runId} instead of ${one.insteadOf}`;
    }),
    ...section("sets of usage rows were set aside", status.setAside, (one) => {
      return `${one.rows} of ${one.hostId}: ${one.reason}`;
    }),
    ...(status.openPlacements > 0
      ? [`${status.openPlacements} placements are on hosts that have not reported.`]
      : []),
    reported === hosts.length ? "Next: restore resume." : "Next: wait for the hosts, then restore resume.",
  ].join("\n");
}

function lackText(lack: HostLack, { head, ingested, pendingRows }: RestoreStatus["hosts"][number]): string {
  if (lack === "not heard") return `not heard since the restore; ingested up to row ${ingested}`;
  const rows = `journal at row ${head ?? 0}, ingested up to ${ingested}, ${pendingRows ?? 0} pending`;
  return `${lack}: ${rows}`;
}

function section<One>(what: string, found: readonly One[], line: (one: One) => string): string[] {
  return found.length === 0 ? [] : [`${found.length} ${what}:`, ...found.map((one) => `  ${line(one)}`)];
}
