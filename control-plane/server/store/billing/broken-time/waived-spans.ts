/**
 * Writes down what of a run is free because something broke under it, each stretch with what shows it, and tells the
 * customer. What it changes of a bill the next full hour posts, a credit where the time was charged already.
 */
import type { BrokenReason } from "../../../core/billing/waived-time.ts";
import { spansToWrite } from "../../../core/billing/broken-time/broken-spans.ts";
import type { Interval } from "../../../core/billing/proven-time.ts";
import { sentenceEvidence } from "../runs/waiver-evidence.ts";
import { waiveBroken } from "../runs/run-waivers.ts";
import type { Run } from "../runs/runs.ts";
import type { Transaction } from "../../database/database.ts";
import { appendEvent } from "../../events/events.ts";
import { inSequence } from "../../../core/reasons/in-sequence.ts";
import { asReported, type Reason } from "../../../core/reasons/reason.ts";

/** The kind of an event that tells a stretch of free time. */
const BROKEN_TIME_EVENT = "broken-time";

/** A stretch of UTC milliseconds and what made it so; one that lasts on ends at Infinity. */
export interface Cause extends Interval {
  readonly sentence: Reason;
  /** Ids and moments, for whoever looks into it. */
  readonly facts: object;
}

/** Hold the run. Doing it again writes nothing. */
export async function waiveSpans(
  sql: Transaction,
  { run, reason, causes, now }: { run: Run; reason: BrokenReason; causes: readonly Cause[]; now: Date },
): Promise<void> {
  const written = await writtenSpans(sql, run.id, reason);
  for (const span of spansToWrite(causes, written)) {
    const behind = causes.filter(({ fromMs, toMs }) => fromMs < span.toMs && toMs > span.fromMs);
    const sentence = inSequence(...behind.map((cause) => cause.sentence)) ?? asReported("");
    const [from, to] = [new Date(span.fromMs), span.toMs === Infinity ? null : new Date(span.toMs)];
    const evidence = { ...sentenceEvidence(sentence), causes: behind.map(({ facts }) => facts) };
    const isNew = await waiveBroken(sql, { runId: run.id, reason, from, to, evidence }, now);
    // A start that failed has its own events; where no time of it was proven, there is nothing to give back either.
    if (isNew && (reason !== "never-ready" || run.firstProvenAt !== null))
      await reportSpan(sql, { run, reason, from, to, sentence, now });
  }
}

async function writtenSpans(sql: Transaction, runId: string, reason: BrokenReason): Promise<Interval[]> {
  const { rows } = await sql.query<{ from_at: Date; to_at: Date | null }>(
    "SELECT from_at, to_at FROM run_waivers WHERE run_id = $1 AND reason = $2 ORDER BY from_at",
    [runId, reason],
  );
  return rows.map((row) => ({ fromMs: row.from_at.getTime(), toMs: row.to_at?.getTime() ?? Infinity }));
}

async function reportSpan(
  sql: Transaction,
  reported: { run: Run; reason: BrokenReason; from: Date; to: Date | null; sentence: Reason; now: Date },
): Promise<void> {
  const { run, reason, now } = reported;
  await appendEvent(sql, {
    at: now,
    kind: BROKEN_TIME_EVENT,
    workloadKind: run.resourceType,
    workloadId: run.resourceId,
    instanceId: run.instanceId,
    hostId: run.hostId,
    customerId: run.customerId,
    actor: "control-plane",
    old: null,
    new: reason,
    reason: freeReason(reported),
  });
}

function freeReason({
  run,
  from,
  to,
  sentence,
}: {
  run: Run;
  from: Date;
  to: Date | null;
  sentence: Reason;
}): Reason {
  const params = { run_id: run.id, from: from.toISOString(), why: sentence };
  return to === null
    ? { code: "run-free-from", params }
    : { code: "run-free-between", params: { ...params, until: to.toISOString() } };
}
