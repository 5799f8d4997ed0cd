/** What programs of the machine say: the log and the state of our units, and how full disks are. */
import { MIB, MS_PER_SECOND } from "../values/units.ts";
import { type Collector, documentText } from "./collection.ts";
import { redactedLine } from "./log-lines.ts";
import type { Redactor } from "./redaction.ts";

interface ProgramBounds {
  withinMs: number;
  maxBytes: number;
}

/**
 * Runs a program without a shell and gives what it wrote to standard output; of more than the bound allows the first whole
 * lines. @throws Error with one sentence where it is not there, fails, or is not over in time
 */
export type RunProgram = (program: string, args: readonly string[], bounds: ProgramBounds) => Promise<string>;

const PROGRAM_BOUNDS: ProgramBounds = { withinMs: 10 * MS_PER_SECOND, maxBytes: MIB };
const LOG_BOUNDS: ProgramBounds = { withinMs: 20 * MS_PER_SECOND, maxBytes: 8 * MIB };
const MAX_LOG_LINES = 4_000;
const MAX_LOG_BYTES = 4 * MIB;

const UNIT_PROPERTIES = [
  ..."Id LoadState ActiveState SubState Result UnitFileState NRestarts MainPID ExecMainCode ExecMainStatus".split(
    " ",
  ),
  ..."ActiveEnterTimestamp InactiveEnterTimestamp MemoryCurrent MemoryPeak TasksCurrent CPUUsageNSec".split(
    " ",
  ),
];

/** The output of one program as it is. */
export function programCollector(
  name: string,
  [program, ...args]: readonly [string, ...string[]],
  run: RunProgram,
): Collector {
  return {
    name,
    source: [program, ...args].join(" "),
    withinMs: PROGRAM_BOUNDS.withinMs + MS_PER_SECOND,
    collect: async (add) => add(await run(program, args, PROGRAM_BOUNDS)),
  };
}

/** Their properties that are named here; an Environment= of theirs is none of them. */
export function unitCollector(units: readonly string[], run: RunProgram): Collector {
  const program = ["systemctl", "show", `--property=${UNIT_PROPERTIES.join(",")}`, "--", ...units] as const;
  return { ...programCollector("units.txt", program, run), without: "Environment= and command lines" };
}

/** Free room and inodes of the file systems that hold these folders; each by itself, since one may hang or be away. */
export function diskCollector(folders: readonly string[], run: RunProgram): Collector {
  const columns = "--output=target,fstype,size,used,avail,pcent,itotal,iused,iavail";
  return {
    name: "disks.txt",
    source: `df of ${folders.join(", ")}`,
    withinMs: PROGRAM_BOUNDS.withinMs + MS_PER_SECOND,
    async collect(add) {
      const answers = await Promise.allSettled(
        folders.map((folder) => run("df", ["--block-size=1", columns, "--", folder], PROGRAM_BOUNDS)),
      );
      const [first] = answers.filter((answer) => answer.status === "rejected");
      for (const answer of answers) if (answer.status === "fulfilled") add(answer.value);
      if (first !== undefined) throw first.reason;
    },
  };
}

/** The last lines of our units, the newest last; each has its time and unit by the system's journal. */
export function logCollector(
  units: readonly string[],
  { run, redactor }: { run: RunProgram; redactor: Redactor },
): Collector {
  const args = [
    "--quiet",
    "--no-pager",
    "--reverse",
    `--lines=${MAX_LOG_LINES}`,
    "--output=json",
    "--output-fields=MESSAGE,_SYSTEMD_UNIT",
    ...units.flatMap((unit) => ["--unit", unit]),
  ];
  return {
    name: "log.jsonl",
    source: `journalctl, the last ${MAX_LOG_LINES} lines of ${units.join(", ")}`,
    without: "fields that are not known to be harmless: of those there is the length",
    withinMs: LOG_BOUNDS.withinMs + MS_PER_SECOND,
    maxBytes: MAX_LOG_BYTES,
    async collect(add) {
      const records = await run("journalctl", args, LOG_BOUNDS);
      const lines: string[] = [];
      let bytes = 0;
      for (const record of records.split("\n")) {
        const line = logLine(record, redactor);
        if (line === null) continue;
        bytes += line.length;
        if (bytes > MAX_LOG_BYTES) break;
        lines.push(line);
      }
      if (lines.length === 0) throw new Error(`the system's journal has no lines of ${units.join(", ")}`);
      add(lines.reverse().join(""));
    },
  };
}

/** Null of what is no record of the system's journal. */
function logLine(record: string, redactor: Redactor): string | null {
  const fields = recordOf(record);
  if (fields === null) return null;
  const { __REALTIME_TIMESTAMP: microseconds, _SYSTEMD_UNIT: unit, MESSAGE: message } = fields;
  const at = Number(microseconds) / 1_000;
  return `${JSON.stringify({
    at: Number.isFinite(at) ? new Date(at).toISOString() : null,
    unit,
    line: redactedLine(messageText(message), redactor).line,
  })}\n`;
}

/** A message with odd bytes is an array of them there. */
function messageText(message: unknown): string {
  if (!Array.isArray(message)) return typeof message === "string" ? message : "";
  return new TextDecoder().decode(Uint8Array.from(message, Number));
}

function recordOf(text: string): Record<string, unknown> | null {
  if (text === "") return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    // Cut off where the bound was.
    return null;
  }
}

/** A document whose parts are collected one by one; one that fails says why in its own place. */
export function documentCollector(name: string, source: string, read: () => unknown): Collector {
  return { name, source, collect: async (add) => add(documentText(await read())) };
}
