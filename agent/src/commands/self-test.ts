/**
 * `self-test`: can this version work on this host? Each check is a line; nothing on the host is changed by any of them, and
 * a running agent is not disturbed. What hangs is given up, so that the answer comes in time.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { ConfigError, credentialFile, readConfig, type Config } from "../config/config.ts";
import { NvidiaSmi } from "../host/gpus/nvidia-smi/nvidia-smi.ts";
import { NvidiaSmiError } from "../host/gpus/nvidia-smi/nvidia-smi-error.ts";
import { NoJournalError, readJournal, UnreadableJournalError } from "../journal/journal-reading.ts";
import { loadCredential } from "../link/credential.ts";
import { Containers } from "../runtime/containers.ts";
import { Docker } from "../runtime/docker/docker.ts";
import { RuntimeDown, RuntimeError } from "../runtime/docker/runtime-error.ts";
import { runtimeInfo } from "../runtime/docker/runtime-info.ts";

/** All checks together; each that waits for somebody has a deadline of its own below it. */
const SELF_TEST_WITHIN_MS = 28_000;
/** Of the query of all GPUs; queries of single ones may take as long again. */
const GPUS_WITHIN_MS = 5_000;

export type SelfTestResult = { check: string; ok: boolean; detail: string };

type Print = (text: string) => void;
type Examined = { environment: NodeJS.ProcessEnv; json: boolean; journal?: boolean; print: Print };

/** What keeps a check from being well, in a sentence; anything else is our own bug and is shown as such. */
const FAILURES = [
  ConfigError,
  UnreadableJournalError,
  RuntimeDown,
  RuntimeError,
  NvidiaSmiError,
  Database.SqliteError,
];

/**
 * The self-test in a process of its own, which is ended when it is not over in time: a disk or a driver that hangs holds up the
 * whole of its process. Returns the exit code: 0 where all is well, else 1.
 * @param command that makes the test, with its arguments; its lines go where ours do
 */
export async function guardedSelfTest(
  [program, ...args]: readonly [string, ...string[]],
  { json, print, withinMs = SELF_TEST_WITHIN_MS }: { json: boolean; print: Print; withinMs?: number },
): Promise<0 | 1> {
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  const ended = once(child, "exit").then(([code]): 0 | 1 => (code === 0 ? 0 : 1));
  const late = delay(withinMs, "late" as const, { ref: false });
  const outcome = await Promise.race([ended, late]);
  if (outcome !== "late") return outcome;
  // Even KILL does not end what waits for a disk: it is left behind.
  child.kill("SIGKILL");
  child.unref();
  const seconds = withinMs / MS_PER_SECOND;
  const result = { check: "deadline", ok: false, detail: `the self-test was not over within ${seconds} s` };
  print(json ? JSON.stringify(result) : textOf(result));
  return 1;
}

/** The checks themselves. Returns the exit code. @param journal true: only whether that is whole */
export async function selfTest({ environment, json, journal = false, print }: Examined): Promise<0 | 1> {
  const results: SelfTestResult[] = [];
  const run = async <T>(check: string, examine: () => T | Promise<T>, detailOf: (found: T) => string) => {
    const [result, found] = await resultOf(check, examine, detailOf);
    results.push(result);
    print(json ? JSON.stringify(result) : textOf(result));
    return found;
  };
  await run("sqlite", sqliteVersion, (version) => `SQLite ${version} loads`);
  const config = await run(
    "config",
    () => readConfig(environment),
    ({ stateDir }) => `parsed; state in ${stateDir}`,
  );
  if (config !== null) {
    await run("journal", () => journalDetail(config), String);
  }
  if (config !== null && !journal)
    // Side by side: each may wait until its own deadline.
    await Promise.all([
      run("containers", () => containerDetail(config), String),
      run("gpus", () => gpuDetail(config), String),
    ]);
  return results.every(({ ok }) => ok) ? 0 : 1;
}

async function resultOf<T>(
  check: string,
  examine: () => T | Promise<T>,
  detailOf: (found: T) => string,
): Promise<[SelfTestResult, T | null]> {
  try {
    const found = await examine();
    return [{ check, ok: true, detail: detailOf(found) }, found];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isExplained = FAILURES.some((failure) => error instanceof failure);
    const detail = isExplained ? error.message : (error.stack ?? error.message);
    return [{ check, ok: false, detail }, null];
  }
}

function textOf({ check, ok, detail }: SelfTestResult): string {
  return `${ok ? "ok    " : "FAILED"}  ${check}: ${detail}`;
}

function sqliteVersion(): string {
  const sqlite = new Database(":memory:");
  const { version } = sqlite.prepare<[], { version: string }>("SELECT sqlite_version() AS version").get() ?? {
    version: "?",
  };
  sqlite.close();
  return version;
}

/** A host that has run nothing yet has none. */
function journalDetail({ stateDir }: Config): string {
  try {
    return readJournal(stateDir, (reading) => {
      const complaint = reading.complaint();
      if (complaint !== null) throw new UnreadableJournalError(complaint);
      const { version, minReader } = reading.schema();
      const { runs, damaged } = reading.state();
      const [first] = damaged;
      if (first !== undefined)
        throw new UnreadableJournalError(`the journal's entry ${first.key} in ${first.table} cannot be read`);
      return `schema ${version}, read from ${minReader} on; ${runs.length} runs`;
    });
  } catch (error) {
    if (error instanceof NoJournalError) return "none yet";
    throw error;
  }
}

async function containerDetail({ stateDir, runtimeSocket }: Config): Promise<string> {
  const credential = loadCredential(credentialFile(stateDir));
  const docker = new Docker(runtimeSocket ?? undefined);
  const { name, version } = await runtimeInfo(docker);
  if (credential === null) return `${name} ${version} answers; this host belongs to no fleet yet`;
  const listed = await new Containers(docker, credential.grant.host_id).list();
  return `${listed.length} of this host in ${name} ${version}`;
}

async function gpuDetail({ simulatedGpus, nvidiaSmiPath }: Config): Promise<string> {
  if (simulatedGpus > 0) return `${simulatedGpus} simulated`;
  try {
    const { gpus } = await new NvidiaSmi({
      path: nvidiaSmiPath,
      simulated: false,
      deadlineMs: GPUS_WITHIN_MS,
    }).inventory();
    return `${gpus.length} read from ${nvidiaSmiPath}`;
  } catch (error) {
    if (error instanceof NvidiaSmiError && error.kind === "missing")
      return `none: there is no ${nvidiaSmiPath} on this host`;
    throw error;
  }
}
