/** One pass over the hosts that fell silent: suspect, then unreachable. Nothing that runs there is touched. */
import { connectionOf, hostStatus, SUSPECT_AFTER_MS } from "../core/host-liveness.ts";
import { type Database, transaction } from "../store/database.ts";
import { noteSilence, silentHosts } from "../store/hosts/host-connections.ts";
import { assertTerm } from "../store/leader.ts";

export interface LivenessPass {
  term: number;
  now: Date;
  /** When this control plane last began to hear hosts: its start, or NATS' coming back. */
  listeningSince: Date;
}

/** Answers the hosts whose connection changed. */
export async function livenessPass(
  { db }: { db: Database },
  { term, now, listeningSince }: LivenessPass,
): Promise<string[]> {
  const changed: string[] = [];
  for (const host of await silentHosts(db, new Date(now.getTime() - SUSPECT_AFTER_MS))) {
    const to = connectionOf({
      lastHeartbeatMs: host.last_heartbeat.getTime(),
      nowMs: now.getTime(),
      listeningSinceMs: listeningSince.getTime(),
    });
    if (to === host.connection) continue;
    const noted = await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      return await noteSilence(sql, { host, to, status: hostStatus(to, host.cordoned), now });
    });
    if (noted) changed.push(host.id);
  }
  return changed;
}
