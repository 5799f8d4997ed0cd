/**
 * The output of a service of a container, which lies in the container: it is read while that runs, and followed over the
 * container's restarts until the run is over.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { LogOpen } from "@remotegpu/shared/messages/sessions";
import type { RunKey } from "../../core/container/container.ts";
import type { RunNow } from "../../core/runs/run-view.ts";
import type { LogOpener, LogPiece } from "../../link/log-sessions.ts";
import type { Runtime } from "../../runtime/runtime.ts";

/** Between two lives of a container, and before the first one. */
const CHECK_EVERY_MS = 500;

type Parts = { runtime: Pick<Runtime, "serviceOutput">; runNow: (run: RunKey) => RunNow };
type ServiceOpen = LogOpen & { service: string };
type Opened = Awaited<ReturnType<LogOpener>>;

export function openServiceLog(parts: Parts, open: ServiceOpen, signal: AbortSignal): Opened {
  const { state, container } = parts.runNow(open);
  if (container?.status.state === "running" || (open.follow && state === "alive"))
    return { opened: true, pieces: piecesOf(parts, open, signal) };
  return state === "unknown"
    ? {
        opened: false,
        reason: "no-such-run",
        why: { code: "output-of-run-missing", params: { run_id: open.runId } },
      }
    : {
        opened: false,
        reason: "not-running",
        why: { code: "output-of-service-missing", params: { service: open.service ?? "" } },
      };
}

async function* piecesOf(
  { runtime, runNow }: Parts,
  open: ServiceOpen,
  signal: AbortSignal,
): AsyncGenerator<LogPiece, "ended" | "run-over"> {
  const { service, follow, tailLines } = open;
  /** Of the container's first process, while that is read or after it was. */
  let read: number | null = null;
  for (;;) {
    const { state, container } = runNow(open);
    if (container?.status.state === "running") {
      const { pid } = container.status;
      const wanted = read === null ? (tailLines ?? ("all" as const)) : ("this-life" as const);
      // Whoever ends the reading inside has what came meanwhile left out, and nothing told twice.
      const from = read === pid ? 0 : wanted;
      const query = { containerId: container.containerId, service, from, follow, signal };
      for await (const bytes of runtime.serviceOutput(query)) yield { output: "stdout", bytes };
      read = pid;
    }
    if (!follow) return "ended";
    if (state !== "alive") return "run-over";
    await delay(CHECK_EVERY_MS, undefined, { signal });
  }
}
