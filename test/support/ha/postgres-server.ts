/**
 * A Postgres of Debian's postgresql-17 in a folder of its own on a loopback port, which can be killed, frozen, promoted
 * and made a standby of another. Ends with the process that started it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, openSync, closeSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { Client } from "pg";
import { eventually } from "../eventually.ts";

const PROGRAMS = "/usr/lib/postgresql/17/bin";
/** Postgres refuses to run as root. */
const USER = "postgres";
const LOOPBACK = "127.0.0.1";

/** Where it is false the tests that need it are left out, visibly. */
export const isPostgresInstalled = existsSync(join(PROGRAMS, "pg_basebackup")) && process.getuid?.() === 0;

export async function asPostgres(program: string, ...args: string[]): Promise<void> {
  await execa("runuser", ["-u", USER, "--", join(PROGRAMS, program), ...args], {
    cwd: "/",
    stdin: "ignore",
    stdout: "ignore",
    timeout: 60_000,
  });
}

/** The user and group of Debian's package. */
async function userAndGroup(): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(["-u", "-g"].map((which) => execa("id", [which, USER])));
  return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
}

export class PostgresServer {
  readonly folder: string;
  readonly port: number;
  #postmaster: ChildProcess | null = null;
  #frozen: number[] = [];
  readonly #endWithUs = () => this.#kill("SIGKILL");

  /** @param folder its data, which is made by initdb or pg_basebackup and belongs to `postgres` */
  constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  /** As the superuser. */
  url(database = "postgres"): string {
    return `postgres://${USER}@${LOOPBACK}:${this.port}/${database}`;
  }

  get isRunning(): boolean {
    return this.#postmaster !== null;
  }

  configure(lines: string): void {
    appendFileSync(join(this.folder, "postgresql.conf"), `\n${lines}\n`);
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const logFile = openSync(`${this.folder}.log`, "a");
    const child = spawn(join(PROGRAMS, "postgres"), ["-D", this.folder, "-p", `${this.port}`], {
      ...(await userAndGroup()),
      cwd: "/",
      stdio: ["ignore", logFile, logFile],
    });
    closeSync(logFile);
    this.#postmaster = child;
    child.once("exit", () => {
      if (this.#postmaster === child) this.#postmaster = null;
      process.off("exit", this.#endWithUs);
    });
    process.once("exit", this.#endWithUs);
    await eventually(() => this.answers());
  }

  /** In order: what it has is on its disk, and with its standby. */
  async stop(): Promise<void> {
    await this.#end("SIGINT");
  }

  /** As by kill -9, its backends included: nothing more is written. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** As a machine that hangs: its connections stay open, and nothing answers. */
  freeze(): void {
    const postmaster = this.#pid();
    // First the one that makes the others, or one of them would be missed.
    this.#frozen = [postmaster];
    process.kill(postmaster, "SIGSTOP");
    for (const child of childrenOf(postmaster)) {
      process.kill(child, "SIGSTOP");
      this.#frozen.push(child);
    }
  }

  thaw(): void {
    for (const pid of this.#frozen.splice(0)) signalIfThere(pid, "SIGCONT");
  }

  /** Of a standby: resolves once it takes changes. */
  async promote(): Promise<void> {
    await asPostgres("pg_ctl", "promote", "-w", "-D", this.folder);
  }

  /** One statement on a connection of its own; rows as the driver reads them. */
  async query(text: string, database = "postgres"): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.url(database), connectionTimeoutMillis: 2_000 });
    client.on("error", () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(text);
      return rows;
    } finally {
      await client.end();
    }
  }

  async answers(): Promise<boolean> {
    try {
      await this.query("SELECT 1");
      return true;
    } catch {
      // Not yet: whoever waits has a bound.
      return false;
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const postmaster = this.#postmaster;
    if (postmaster === null) return;
    const ended = once(postmaster, "exit");
    this.#kill(signal);
    this.thaw();
    await ended;
  }

  #kill(signal: NodeJS.Signals): void {
    const pid = this.#postmaster?.pid;
    if (pid === undefined) return;
    const backends = signal === "SIGKILL" ? childrenOf(pid) : [];
    for (const one of [pid, ...backends]) signalIfThere(one, signal);
  }

  #pid(): number {
    const pid = this.#postmaster?.pid;
    if (pid === undefined) throw new Error(`the Postgres of port ${this.port} does not run`);
    return pid;
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === pid)
    .map(Number);
}

/** Null of a process that has ended meanwhile. */
function parentOf(pid: string): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return null;
  }
}
