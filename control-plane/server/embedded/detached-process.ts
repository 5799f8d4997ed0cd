/**
 * A server process of ours in a process group of its own, so that Ctrl-C reaches us first. One that survived our
 * kill -9 is found by its pid file and stopped, never guessed at: its command line must name our configuration.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const STOP_WITHIN_MS = 10_000;
/** After SIGKILL only the kernel is waited for. */
const DIE_WITHIN_MS = 10_000;
const POLL_MS = 50;

export interface ProcessFiles {
  /** Stands on the command line and so marks the process as ours. */
  config: string;
  pid: string;
  log: string;
}

/** Starts `binary -c <config>`; its output goes to the log file. */
export function spawnDetached(binary: string, files: ProcessFiles): ChildProcess {
  const output = openSync(files.log, "w", 0o600);
  const child = spawn(binary, ["-c", files.config], { detached: true, stdio: ["ignore", output, output] });
  closeSync(output);
  if (child.pid !== undefined) writeFileSync(files.pid, `${child.pid}\n`);
  return child;
}

export function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Ends what an earlier life of ours left running under this pid file. */
export async function stopLeftover(files: ProcessFiles): Promise<void> {
  if (!existsSync(files.pid)) return;
  const pid = Number.parseInt(readFileSync(files.pid, "utf8"), 10);
  if (pid > 0 && isOurs(pid, files.config)) await stopProcess(pid);
  rmSync(files.pid, { force: true });
}

/** Asks the process to end, then makes it. */
export async function stopProcess(pid: number): Promise<void> {
  signal(pid, "SIGTERM");
  if (await diesWithin(pid, STOP_WITHIN_MS)) return;
  signal(pid, "SIGKILL");
  if (!(await diesWithin(pid, DIE_WITHIN_MS))) throw new Error(`process ${pid} does not end`);
}

async function diesWithin(pid: number, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return true;
}

function isOurs(pid: number, configFile: string): boolean {
  return readProc(pid, "cmdline")?.split("\0").includes(configFile) ?? false;
}

/** A zombie counts as ended: a leftover may wait for a parent that never reaps it. */
function isAlive(pid: number): boolean {
  const status = readProc(pid, "status");
  return status !== null && !/^State:\s+[ZX]/m.test(status);
}

function readProc(pid: number, file: "cmdline" | "status"): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // There is no such process.
    return null;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
