/**
 * What one heartbeat changes and what it is answered with, whatever it tells. What it shows of a restored database is in
 * restores.ts. Nearly all come by here not at all: those in which nothing is new go through quiet-heartbeats.ts, and many
 * that tell plain changes together through plain-heartbeats.ts.
 */
import type { Heartbeat, HeartbeatReply } from "@remotegpu/shared/messages/protocol";
import { raiseAlarmOnce } from "../events/alarms.ts";
import type { Database, Transaction } from "../database/database.ts";
import { transaction } from "../database/transaction.ts";
import { noteCardWords } from "../billing/broken-time/gpu-outages.ts";
import { noteReboot } from "../billing/broken-time/host-deaths.ts";
import { noteGpuHealth } from "./health/gpu-health.ts";
import { refusedNewcomer } from "../hosts/newcomers.ts";
import {
  answersFor,
  isFromAnEarlierStart,
  lockKnownHosts,
  noteHosts,
  noteJournals,
  noteVitals,
} from "./noted-heartbeats.ts";
import { noteRestore } from "./restores.ts";
import type { NamedRelease } from "@remotegpu/shared/messages/upgrade-report";
import { noteUpgradeResult } from "../hosts/agent-upgrades.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";

export interface HeartbeatAnswer {
  term: number;
  generation: number;
  watermark: number;
  observedDigest: string | null;
  dbIncarnation: number;
  liftCordons: NonNullable<HeartbeatReply["liftCordons"]>;
  /** Null: nothing is to change. */
  release: NamedRelease | null;
}

export type HeartbeatOutcome =
  | { accepted: true; answer: HeartbeatAnswer; wasConnected: boolean; restored: boolean }
  | { accepted: false; reason: string };

/** Serves one heartbeat. The clock that says when it came is the control plane's. */
export async function acceptHeartbeat(
  database: Database,
  { hostId, heartbeat, now }: { hostId: string; heartbeat: Heartbeat; now: Date },
): Promise<HeartbeatOutcome> {
  return await transaction(database, async (sql) => {
    const host = (await lockKnownHosts(sql, [hostId], { waits: true })).get(hostId);
    if (host === undefined) return { accepted: false, reason: "this host is not known here, or was revoked" };
    if (isFromAnEarlierStart(host, heartbeat))
      return {
        accepted: false,
        reason: `agent start ${heartbeat.agentEpoch} is older than ${host.agent_epoch}`,
      };
    const { journal, bootId } = heartbeat;
    const refused =
      (await refusedNewcomer(sql, { hostId, kind: "journal", id: journal.id, now })) ??
      (await refusedNewcomer(sql, { hostId, kind: "boot", id: bootId, now }));
    if (refused !== null) return { accepted: false, reason: refused };
    const watermark = (await noteJournals(sql, [{ hostId, heartbeat }], now)).get(hostId);
    if (watermark === undefined) return await refuseClaim(sql, { hostId, why: EVER_NEW_JOURNALS, now });
    const restore = await noteRestore(sql, {
      hostId,
      heartbeat,
      generation: host.generation,
      watermark,
      now,
    });
    if (restore.kind === "impossible") return await refuseClaim(sql, { hostId, why: restore.why, now });
    const restored = restore.kind === "restored";
    await noteReboot(sql, { hostId, heartbeat, now });
    const noted = [{ hostId, heartbeat, host }];
    await noteHosts(sql, noted, now);
    await noteUpgradeResult(sql, { hostId, last: heartbeat.upgrade?.last, before: host.last_upgrade, now });
    const health = noteGpuHealth(sql, { hostId, cards: heartbeat.gpus, now });
    const words = { hostId, cards: heartbeat.gpus, source: "heartbeat", now, after: health } as const;
    const [liftCordons] = await Promise.all([health, noteCardWords(sql, words)]);
    await noteVitals(sql, noted, now);
    const requestedFrom = restored ? restore.requestedFrom : watermark;
    const requested = (await answersFor(sql, [{ hostId, watermark: requestedFrom }])).get(hostId);
    if (requested === undefined) throw new Error(`host ${hostId} vanished within its own transaction`);
    const observedDigest = restored ? null : requested.observedDigest;
    const answer = { ...requested, observedDigest, liftCordons };
    return { accepted: true, answer, wasConnected: host.connection === "connected", restored };
  });
}

export const EVER_NEW_JOURNALS: Reason = { code: "journals-too-many", params: {} };

/** The host's numbers stay as they are, and the operators see why it is silent. */
export async function refuseClaim(
  sql: Transaction,
  { hostId, why, now }: { hostId: string; why: Reason; now: Date },
): Promise<HeartbeatOutcome> {
  const params = { host_id: hostId, why };
  const reason: Reason = { code: "heartbeats-refused", params };
  await raiseAlarmOnce(sql, { kind: "impossible-numbers", subject: hostId, reason, now });
  return { accepted: false, reason: `not believed: ${inEnglish(why)}` };
}
