/**
 * Reads a log in the Standard Workload Format: a line for each job, eighteen numbers with white space between, -1 for what
 * nobody knows; a line that begins with ";" is a comment. What counts as a job is what published replays take for one.
 */
import type { LoggedJob } from "../../support/placement/log-replay.ts";
import { ReplayError } from "./replay-error.ts";

export interface SwfJob extends LoggedJob {
  /** As the log counts them. */
  number: number;
}

/** How long a job runs of which the log does not know it. */
const UNKNOWN_RUN_SECONDS = 10;
/** The last field that is read is the eighth. */
const FIELDS_READ = 8;

/**
 * The jobs that are replayed, by their numbers. Those that ran for no time at all are left out, as if the log did not
 * have them.
 * @throws ReplayError that names the line which cannot be read
 */
export function parseSwf(text: string): SwfJob[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line, index) => ({ line: line.trim(), lineNumber: index + 1 }))
    .filter(({ line }) => line !== "" && !line.startsWith(";"))
    .map(({ line, lineNumber }) => parseJob(line, lineNumber))
    .filter(({ runSeconds }) => runSeconds > 0)
    .sort((a, b) => a.number - b.number);
}

function parseJob(line: string, lineNumber: number): SwfJob {
  const fields = line.split(/\s+/).slice(0, FIELDS_READ);
  if (fields.length < FIELDS_READ)
    throw new ReplayError(`line ${lineNumber} has ${fields.length} fields; a job has 18`);
  const numbers = fields.map(Number);
  const wrong = numbers.findIndex((value) => !Number.isFinite(value));
  if (wrong !== -1)
    throw new ReplayError(`field ${wrong + 1} of line ${lineNumber} is no number: ${fields[wrong]}`);
  const [number = 0, submittedAt = 0, , runSeconds = 0, allocated = 0, , , requested = 0] = numbers;
  return {
    number,
    submittedAt,
    runSeconds: runSeconds < 0 ? UNKNOWN_RUN_SECONDS : runSeconds,
    processors: Math.max(allocated, requested),
  };
}
