/** Well-formed messages of every kind, for tests that need one and do not care which. */
import { randomUUID } from "node:crypto";
import { BootId, HostId, InstanceId, JournalId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import {
  GENESIS_HASH,
  signedText,
  type JournalBatch,
  type JournalEntry,
  type JournalRow,
} from "@remotegpu/shared/proof/journal-row";
import { rowHash } from "@remotegpu/shared/proof/row-hash";
import type { Heartbeat, HeartbeatReply } from "@remotegpu/shared/messages/protocol";
import { desiredOf } from "./desired-instance.ts";

export const aHost = (id: string) => HostId.parse(id);

const HASH = "a".repeat(64);
const BOOT = BootId.parse("6f0f0f4e-7d35-4a0e-9d3a-0d9c9b1b7a01");

export function aHeartbeat(over: Partial<Heartbeat> = {}): Heartbeat {
  return {
    kind: "heartbeat",
    version: "0.1.0",
    protocol: { min: 1, max: 1 },
    bootId: BOOT,
    agentEpoch: 3,
    monotonicMs: 1_000,
    lastRoundTripMs: null,
    applied: { term: 1, generation: 2 },
    journal: { id: JournalId.parse(randomUUID()), headSeq: 0, headHash: GENESIS_HASH, watermarkSeen: 0 },
    observedDigest: HASH,
    degraded: [],
    gpus: [],
    ...over,
  };
}

export function aHeartbeatReply(over: Partial<HeartbeatReply> = {}): HeartbeatReply {
  return {
    kind: "heartbeat-reply",
    term: 1,
    targetGeneration: 2,
    watermark: 0,
    observedDigest: null,
    dbIncarnation: 1,
    time: "2026-01-01T00:00:00Z",
    ...over,
  };
}

export function aDesiredInstance(id: string, over: Partial<DesiredInstance["spec"]> = {}): DesiredInstance {
  return desiredOf(id, over, { instanceId: InstanceId.parse(id) });
}

export function anObservedInstance(id: string, detail = "running"): ObservedInstance {
  return {
    instanceId: InstanceId.parse(id),
    placementEpoch: 1,
    runId: RunId.parse(`run-${id}`),
    phase: "ready",
    detail,
    problem: null,
    containerId: null,
    exitCode: null,
    gateOpenedMs: 5,
    bootId: BOOT,
  };
}

/** A chained and signed batch of `rows` rows. */
export function aBatch(
  sign: (text: string) => string,
  { journalId = JournalId.parse(randomUUID()), rows = 1 }: { journalId?: JournalId; rows?: number } = {},
): JournalBatch {
  const chained: JournalRow[] = [];
  let previous = GENESIS_HASH;
  for (let seq = 1; seq <= rows; seq += 1) {
    const entry: JournalEntry = {
      kind: "usage",
      runId: RunId.parse("run-1"),
      instanceId: InstanceId.parse("env-1"),
      placementEpoch: 1,
      bootId: BOOT,
      startMs: seq * 60_000,
      endMs: (seq + 1) * 60_000,
      proof: "exact",
      final: false,
      wallEnd: "2026-01-01T00:00:00Z",
    };
    previous = rowHash(journalId, seq, previous, entry);
    chained.push({ seq, entry, hash: previous });
  }
  return {
    kind: "journal-batch",
    journalId,
    previousHash: GENESIS_HASH,
    rows: chained,
    signature: sign(signedText(journalId, rows, previous)),
  };
}
