/**
 * Has the canary tried once an hour (core/canary), and keeps what came of the last one for the report. It runs beside the
 * loop, one at a time; a host that is full is left alone and says so.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import {
  MAX_CANARY_DETAIL,
  MAX_CANARY_SUCCESSES,
  MAX_CANARY_UNCLEAR,
  type CanaryReport,
} from "@remotegpu/shared/messages/canary-report";
import type { Log } from "@remotegpu/shared/log";
import type { CanaryFindings } from "../../core/canary/canary-findings.ts";
import { CANARY_EVERY_MS, PATIENCE_MS } from "../../core/canary/canary-schedule.ts";

export type CanaryWatchParts = {
  /** False where the operator has switched it off. */
  isOn: boolean;
  /** From the agent's start to the first one. */
  firstAfterMs: number;
  /** @throws RuntimeError, RuntimeDown, and what else keeps it from being made */
  run: () => Promise<CanaryFindings>;
  /** Takes away whatever there is of one; what runs ends by it. @throws RuntimeError, RuntimeDown */
  remove: () => Promise<void>;
  /** Why the host has no room for one, as a sentence; null where it has. */
  obstacle: () => HostReason | null;
  /** A start of a customer is under way. */
  isStarting: () => boolean;
  hasLeftFleet: () => boolean;
  wallMs: () => number;
  wake: () => void;
  log: Log;
};

type Result = {
  outcome: CanaryReport["outcome"];
  why?: HostReason;
  succeeded?: CanaryReport["succeeded"];
  unclear?: CanaryReport["unclear"];
};

export class CanaryWatch {
  readonly #parts: CanaryWatchParts;
  #report: CanaryReport | null = null;
  #dueMs: number | null = null;
  #pending: Promise<void> | null = null;
  #isClosed = false;

  constructor(parts: CanaryWatchParts) {
    this.#parts = parts;
  }

  /** What came of the last one; null before the first one since the agent's start. */
  get report(): CanaryReport | null {
    return this.#report;
  }

  /** Never waits. */
  checkWhenDue(nowMs: number): void {
    if (this.#dueMs === null) return this.#begin(nowMs);
    if (nowMs < this.#dueMs || this.#pending !== null || this.#isClosed) return;
    const { isOn, isStarting, hasLeftFleet, obstacle } = this.#parts;
    if (!isOn || hasLeftFleet() || (isStarting() && nowMs < this.#dueMs + PATIENCE_MS)) return;
    this.#dueMs = nowMs + CANARY_EVERY_MS;
    const why = obstacle();
    if (why !== null) return this.#send({ outcome: "left-out", why });
    this.#work(
      () => this.#parts.run().then((findings) => this.#send(resultOf(findings))),
      (why) => this.#send({ outcome: "failed", why: { code: "canary-not-tried", params: { why } } }),
    );
  }

  /** What runs is ended. Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#pending === null) return;
    await this.#parts.remove().catch((error: unknown) => {
      this.#parts.log.warn({ error }, "the canary could not be removed; the next start of the agent does it");
    });
    await this.#pending;
  }

  /** A life of the agent that was killed may have left one. */
  #begin(nowMs: number): void {
    const { isOn, firstAfterMs, remove, log } = this.#parts;
    this.#dueMs = nowMs + firstAfterMs;
    if (!isOn) this.#send({ outcome: "off" });
    this.#work(remove, (why) =>
      log.warn({ why }, "whether an earlier canary is left is unknown; the next run checks again"),
    );
  }

  #work(work: () => Promise<void>, onFailed: (why: string) => void): void {
    this.#pending = work()
      .catch((error: unknown) => {
        if (!this.#isClosed) onFailed(error instanceof Error ? error.message : String(error));
      })
      .finally(() => (this.#pending = null));
  }

  #send(result: Result): void {
    if (this.#isClosed) return;
    const { wallMs, wake } = this.#parts;
    this.#report = {
      atMs: Math.max(0, Math.round(wallMs())),
      outcome: result.outcome,
      ...textOfResult(result),
      succeeded: (result.succeeded ?? []).slice(0, MAX_CANARY_SUCCESSES),
      unclear: (result.unclear ?? []).slice(0, MAX_CANARY_UNCLEAR),
    };
    this.#write(this.#report);
    wake();
  }

  #write(report: CanaryReport): void {
    const { log } = this.#parts;
    switch (report.outcome) {
      case "succeeded":
        return log.error(
          report,
          `what a container must be refused succeeded: ${report.succeeded.map(({ detail }) => detail).join(" ")}`,
        );
      case "failed":
        return log.warn(report, `the canary found out nothing: ${report.detail ?? ""}`);
      case "refused":
      case "left-out":
      case "off":
        return log.info(report, SENTENCES[report.outcome]);
    }
  }
}

const SENTENCES = {
  refused: "the canary was refused all that a container must be refused",
  "left-out": "the canary was left out: the host is full",
  off: "no canary is tried: REMOTEGPU_CANARY=0",
} as const;

/** The reason goes with its whole text only. */
function textOfResult({ why }: Result): Pick<CanaryReport, "detail" | "why"> {
  if (why === undefined) return { detail: null };
  const text = textOf(why);
  const detail = storable(text);
  return detail === text ? { detail, why } : { detail };
}

/** What the runtime said may be of any length and form. */
function storable(detail: string): string {
  return detail.slice(0, MAX_CANARY_DETAIL).toWellFormed().replaceAll("\0", "");
}

function resultOf(findings: CanaryFindings): Result {
  switch (findings.kind) {
    case "broken-off":
      return { outcome: "failed", why: { code: "canary-broken-off", params: {} } };
    case "inconclusive": {
      const { unclear, tried } = findings;
      return { outcome: "failed", why: { code: "canary-inconclusive", params: { unclear, tried } } };
    }
    case "tried": {
      const { succeeded, unclear } = findings;
      return { outcome: succeeded.length > 0 ? "succeeded" : "refused", succeeded, unclear };
    }
  }
}
