/** What events of runs report: how a run ended, and how its container ended before it was started again. */
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { reportedReason } from "../reasons/host-report.ts";
import { reasonOf } from "../reasons/plain-reason.ts";
import { asReported, type Reason } from "../reasons/reason.ts";

const MAX_LAST_LINE = 200;

interface ProcessEnd {
  exitCode: number | null;
  signal: string | null;
  isOutOfMemory: boolean;
}

function factsOf({ exitCode, signal, isOutOfMemory }: ProcessEnd): Reason[] {
  return [
    ...(exitCode === null ? [] : [{ code: "with-exit-code", params: { exit_code: exitCode } } as const]),
    ...(signal === null ? [] : [asReported(signal)]),
    ...(isOutOfMemory ? [reasonOf("out-of-memory")] : []),
  ];
}

type ObservedEnd = Pick<ObservedInstance, "runId" | "detail" | "reason" | "exitCode" | "remains">;

/** What happened, with the numbers and the last words. */
export function runEnd(seen: ObservedEnd): Reason {
  const { runId: run_id, detail, reason, exitCode, remains } = seen;
  const signal = remains?.signal ?? null;
  const facts = factsOf({ exitCode, signal, isOutOfMemory: remains?.outOfMemory === true });
  const lastLine = remains?.tail?.trimEnd().split("\n").at(-1)?.slice(-MAX_LAST_LINE) ?? "";
  const after: Reason[] = [
    ...(facts.length > 0 ? [{ code: "run-end-facts", params: { facts } } as const] : []),
    ...(lastLine === "" ? [] : [{ code: "run-end-last-line", params: { line: lastLine } } as const]),
  ];
  if (after.length > 0)
    return { code: "run-ended", params: { run_id, parts: [reportedReason(detail, reason), ...after] } };
  if (detail.trim() === "") return { code: "run-ended-unexplained", params: { run_id } };
  return { code: "run-ended", params: { run_id, parts: [reportedReason(detail.trimEnd(), reason)] } };
}

/** Of several since the last report, the host reports how the last one came. */
export function runRestarts({
  runId: run_id,
  times,
  how,
}: {
  runId: string;
  times: number;
  how: ProcessEnd;
}): Reason {
  const facts = factsOf(how);
  const end: Reason =
    facts.length === 0 ? reasonOf("container-vanished") : { code: "container-ended-with", params: { facts } };
  return times === 1
    ? { code: "restarted-within-run", params: { run_id, how: end } }
    : { code: "restarted-within-run-often", params: { run_id, times, how: end } };
}
