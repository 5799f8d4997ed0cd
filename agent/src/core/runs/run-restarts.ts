/**
 * What is told of a run's restarts: how often its container ended and was started again within the run, and how it ended
 * before the last time. A start that did not succeed is none; what is in its way is told with the phase.
 */
import type { Container } from "../container/container.ts";
import type { RunRecord } from "./run-record.ts";
import { signalOf } from "./run-remains.ts";

/** All null where the container was gone. */
export type ContainerEnd = {
  exitCode: number | null;
  outOfMemory: boolean;
  signal: string | null;
  /** The runtime's RFC 3339 label: it tells this end from another. */
  finishedAt: string | null;
};

export type RunRestarts = { count: number; last: ContainerEnd };

/** How the container ended that the next start brings back; null where none ran since the start before. */
export function endBeforeStart(record: RunRecord | null, container: Container | null): ContainerEnd | null {
  if (record === null || record.starts === 0 || record.trouble !== null) return null;
  if (container === null)
    return record.containerId === null
      ? null
      : { exitCode: null, outOfMemory: false, signal: null, finishedAt: null };
  if (container.status.state !== "exited") return null;
  const { exitCode, outOfMemory, finishedAt } = container.status;
  return { exitCode, outOfMemory, signal: signalOf(exitCode), finishedAt };
}

/** With this end counted: once, though the agent died between writing it down and the start, and decides it again. */
export function restartsAfter(before: RunRestarts | null, ended: ContainerEnd): RunRestarts {
  const isCounted = ended.finishedAt !== null && ended.finishedAt === before?.last.finishedAt;
  if (before !== null && isCounted) return before;
  return { count: (before?.count ?? 0) + 1, last: ended };
}
