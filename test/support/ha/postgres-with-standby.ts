/**
 * A Postgres primary and its standby, each with a PgBouncer beside it, of the files on the page "High availability". Which
 * is primary is changed by a test, as an operator's own tool would.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { freePort } from "../engines/free-ports.ts";
import { eventually } from "../eventually.ts";
import { CONTROL_PLANE } from "../programs/program.ts";
import { pageCommand, pageFile, type Replacements } from "./page.ts";
import { asPostgres, PostgresServer } from "./postgres-server.ts";

const DATABASE = "remotegpu";
const PASSWORD = "of-the-servers";
/** PgBouncer refuses to be root. */
const NOBODY = { uid: 65_534, gid: 65_534 };
/** The user of Debian's package, by whose name alone the harness comes in. */
const HARNESS_LINE = "host all,replication postgres 127.0.0.1/32 trust\n";

interface Half {
  name: "db1" | "db2";
  server: PostgresServer;
  pooler: Pooler;
}

/** PgBouncer as a process that can be killed and started again. */
export class Pooler {
  readonly port: number;
  readonly #file: string;
  #child: ChildProcess | null = null;

  constructor(file: string, port: number) {
    this.#file = file;
    this.port = port;
  }

  start(): void {
    const child = spawn("/usr/sbin/pgbouncer", ["-q", this.#file], { ...NOBODY, cwd: "/", stdio: "ignore" });
    this.#child = child;
    const endWithUs = () => void child.kill("SIGKILL");
    process.once("exit", endWithUs);
    child.once("exit", () => process.off("exit", endWithUs));
  }

  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
}

export class PostgresWithStandby {
  readonly #folder: string;
  readonly #halves: readonly [Half, Half];
  #primary = 0;

  private constructor(folder: string, halves: readonly [Half, Half]) {
    this.#folder = folder;
    this.#halves = halves;
  }

  /** Migrated, with the page's users; the standby is attached. */
  static async start(): Promise<PostgresWithStandby> {
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-ha-"));
    chmodSync(folder, 0o711);
    for (const name of ["db1", "db2"]) mkdirSync(join(folder, name), { mode: 0o711 });
    await execa("chown", ["-R", "postgres", folder]);
    const half = async (name: Half["name"]): Promise<Half> => {
      const server = new PostgresServer(join(folder, name, "main"), await freePort());
      const port = await freePort();
      return { name, server, pooler: new Pooler(join(folder, `${name}.ini`), port) };
    };
    const postgres = new PostgresWithStandby(folder, [await half("db1"), await half("db2")]);
    try {
      await postgres.#begin();
    } catch (error) {
      await postgres.stop();
      throw error;
    }
    return postgres;
  }

  get primary(): Half {
    return this.#halves[this.#primary] ?? this.#halves[0];
  }

  get standby(): Half {
    return this.#halves[1 - this.#primary] ?? this.#halves[1];
  }

  /** The poolers' ports, which stay where they are whoever is primary. */
  get poolers(): readonly [Pooler, Pooler] {
    return [this.#halves[0].pooler, this.#halves[1].pooler];
  }

  /** @param addresses ADDRESS:PORT of what leads to the poolers, as DATABASE_URL names them */
  url(addresses: readonly string[]): string {
    return `postgres://remotegpu_server:${PASSWORD}@${addresses.join(",")}/${DATABASE}`;
  }

  /** As the superuser, whoever is primary now. */
  async query(text: string): Promise<Record<string, unknown>[]> {
    return await this.primary.server.query(text, DATABASE);
  }

  /** Nothing waits for a standby any more. */
  async alone(): Promise<void> {
    await this.#setStandbys("SET synchronous_standby_names = ''");
    await this.#standbyCommand("alone", "--reason", "the other server is away");
  }

  /** All of it waits for the standby again, and what is acknowledged must. */
  async paired(): Promise<void> {
    await this.standbyIsAttached();
    await this.#setStandbys("RESET synchronous_standby_names");
    await eventually(async () => (await this.#standbyCommand("require")) ?? true, {
      what: "a standby that confirms",
    });
  }

  /** The standby takes changes from now on. What was primary is left as it is. */
  async promote(): Promise<void> {
    await this.standby.server.promote();
    this.#primary = 1 - this.#primary;
  }

  /** What is no primary is made anew as its standby, by the page's command. */
  async rebuildStandby(): Promise<void> {
    const { server, name } = this.standby;
    await server.kill();
    rmSync(server.folder, { recursive: true, force: true });
    const command = pageCommand("sudo -u postgres pg_basebackup", [
      ["/var/lib/postgresql/17/main", server.folder],
      ["10.0.0.1", `127.0.0.1:${this.primary.server.port}`],
      ["PASSWORD", PASSWORD],
    ]);
    await asPostgres("pg_basebackup", ...command, "--no-sync");
    this.#configure(server, name);
    await server.start();
    await this.standbyIsAttached();
  }

  async standbyIsAttached(): Promise<void> {
    await eventually(
      async () => {
        const rows = await this.primary.server.query(
          "SELECT FROM pg_stat_replication WHERE state = 'streaming'",
        );
        return rows.length === 1;
      },
      { what: "a standby that confirms" },
    );
  }

  async stop(): Promise<void> {
    for (const { server, pooler } of this.#halves) {
      pooler.resume();
      await pooler.kill();
      await server.kill();
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #standbyCommand(...words: string[]): Promise<void> {
    const DATABASE_URL = this.url(this.poolers.map(({ port }) => `127.0.0.1:${port}`));
    await execa(process.execPath, [CONTROL_PLANE, "standby", ...words], {
      env: { DATABASE_URL, REMOTEGPU_STATE_DIR: join(this.#folder, "command") },
    });
  }

  async #setStandbys(change: string): Promise<void> {
    const { server } = this.primary;
    await server.query(`ALTER SYSTEM ${change}`);
    await server.query("SELECT pg_reload_conf()");
  }

  async #begin(): Promise<void> {
    const { server, name } = this.primary;
    await asPostgres("initdb", "-D", server.folder, "-A", "trust", "-U", "postgres", "--no-sync");
    this.#configure(server, name);
    await server.start();
    await this.#setStandbys("SET synchronous_standby_names = ''");
    const login = `LOGIN PASSWORD '${PASSWORD}'`;
    for (const statement of [
      `CREATE ROLE remotegpu ${login}`,
      `CREATE DATABASE ${DATABASE} OWNER remotegpu`,
      "CREATE ROLE remotegpu_app NOLOGIN",
      `CREATE ROLE remotegpu_server ${login} IN ROLE remotegpu_app`,
      "GRANT pg_read_all_stats TO remotegpu_app, remotegpu_server",
      `CREATE ROLE replicator ${login} REPLICATION`,
    ])
      await server.query(statement);
    await migrate(`postgres://remotegpu:${PASSWORD}@127.0.0.1:${server.port}/${DATABASE}`);
    await this.rebuildStandby();
    for (const half of this.#halves) this.#startPooler(half);
    await this.paired();
  }

  /** The page's files, and of the harness only where it may write and that nothing outlives the machine. */
  #configure(server: PostgresServer, name: string): void {
    const here: Replacements = [
      ["127.0.0.1, 10.0.0.1", "127.0.0.1"],
      ["cluster_name = 'db1'", `cluster_name = '${name}'`],
    ];
    const own = `unix_socket_directories = '${join(this.#folder, name)}'\nfsync = off\n`;
    server.configure(pageFile("/etc/postgresql/17/main/conf.d/remotegpu.conf", here) + own);
    const hba = pageFile("/etc/postgresql/17/main/pg_hba.conf", [[/10\.0\.0\.\d/g, "127.0.0.1"]]);
    writeFileSync(join(server.folder, "pg_hba.conf"), hba + HARNESS_LINE);
  }

  #startPooler({ name, server, pooler }: Half): void {
    const users = join(this.#folder, `${name}.users`);
    const file = join(this.#folder, `${name}.ini`);
    writeFileSync(
      users,
      pageFile("/etc/pgbouncer/userlist.txt", [[/"(OWNER_)?PASSWORD"/g, `"${PASSWORD}"`]]),
    );
    writeFileSync(
      file,
      pageFile("/etc/pgbouncer/pgbouncer.ini", [
        ["host=127.0.0.1 port=5432", `host=127.0.0.1 port=${server.port}`],
        ["listen_addr = 10.0.0.1", "listen_addr = 127.0.0.1"],
        ["listen_port = 6432", `listen_port = ${pooler.port}`],
        ["/etc/pgbouncer/userlist.txt", users],
      ]),
    );
    for (const one of [users, file]) chmodSync(one, 0o644);
    pooler.start();
  }
}
