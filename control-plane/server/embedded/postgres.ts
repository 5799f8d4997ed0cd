/**
 * Runs a Postgres of our own for a control plane without DATABASE_URL: makes its data folder once, starts the server
 * or takes over one that survived our kill, keeps it up, and stops it in order. It listens on loopback only, with random
 * passwords kept in the state folder.
 */
import { chmod, mkdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "@remotegpu/shared/log";
import { Client, escapeIdentifier } from "pg";
import {
  type PostgresAccount,
  assertReachable,
  postgresAccount,
  runnableBinaries,
} from "./postgres-account.ts";
import { programFiles } from "../installation/program-files.ts";
import { freePort } from "./ports.ts";
import { DATABASE_USER, ensureDataDir, storedPassword } from "./postgres-data-dir.ts";
import {
  findPostmaster,
  isPostmasterOf,
  type Postmaster,
  runningPostmaster,
  startPostmaster,
  stopPostmaster,
} from "./postmaster.ts";
import { PostgresKeeper } from "./postgres-keeper.ts";

const LOOPBACK = "127.0.0.1";
const DATABASE = "remotegpu";
const ANSWER_WITHIN_MS = 5_000;
const POLL_MS = 50;
/** A free port may be taken by another between our look and the server's bind. */
const MAX_START_ATTEMPTS = 4;
const SETTINGS: Record<string, string> = {
  listen_addresses: LOOPBACK,
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "64MB",
  timezone: "UTC",
  log_timezone: "UTC",
};

export interface PostgresOptions {
  /** Must be passable for a system user when root starts it. */
  stateDir: string;
  log: Log;
  /** Without one, any free port. */
  port?: number;
  /** A folder with bin/, lib/ and share/; without one, the pinned package's. */
  binaries?: string;
  /** Settings of the server beside ours, as in postgresql.conf. */
  settings?: Record<string, string>;
}

export interface EmbeddedPostgres {
  /** Of the user to whom everything belongs. */
  url: string;
  /** Kept for a login that may do less than that user. */
  serverPassword: string;
  port: number;
  /** Of the server that runs now: one that ended is started again on the same port. */
  pid(): number;
  /** True when the server ran already, left over from a process of ours that was killed. */
  adopted: boolean;
  stop(): Promise<void>;
}

interface Server {
  dataDir: string;
  logFile: string;
  binaries: string;
  account: PostgresAccount;
  password: string;
  serverPassword: string;
  settings: Record<string, string>;
}

/** @throws PostgresStartError with one line that says what is wrong */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const server = await prepare(options);
  const adopted = await adopt(server, options.port);
  const postmaster = adopted ?? (await start(server, options.port));
  const { port } = postmaster;
  options.log.info(
    { ...postmaster },
    adopted === null ? "Postgres runs" : "took over a Postgres that was still running",
  );
  await ensureDatabase(urlOf(server, port, "postgres"));
  const keeper = new PostgresKeeper(postmaster, keptRunning(server), options.log);
  return {
    url: urlOf(server, port, DATABASE),
    serverPassword: server.serverPassword,
    port,
    pid: () => keeper.pid,
    adopted: adopted !== null,
    stop: () => keeper.stop(),
  };
}

function keptRunning(server: Server): ConstructorParameters<typeof PostgresKeeper>[1] {
  return {
    isRunning: ({ pid }) => isPostmasterOf(server.dataDir, pid),
    // Another process of ours may have been faster.
    startAgain: async (port) => (await adopt(server, port)) ?? (await start(server, port)),
    stop: ({ pid }) => stopPostmaster(server.dataDir, pid),
  };
}

/** The address of the Postgres of ours that runs on this state folder now; null where none does. Starts and changes nothing. */
export async function runningPostgresUrl(stateDir: string): Promise<string | null> {
  const folder = await realpath(join(stateDir, "postgres")).catch(() => null);
  const running = folder === null ? null : await runningPostmaster(dataFolderIn(folder));
  if (folder === null || running === null) return null;
  const password = (await readFile(join(folder, "password"), "utf8")).trim();
  return urlOf({ password }, running.port, DATABASE);
}

/** Where a control plane with this state folder has its database, if it has made one. */
export function dataFolder(stateDir: string): string {
  return dataFolderIn(join(stateDir, "postgres"));
}

function dataFolderIn(folder: string): string {
  return join(folder, "data");
}

async function prepare({ stateDir, binaries, settings }: PostgresOptions): Promise<Server> {
  await mkdir(join(stateDir, "postgres"), { recursive: true });
  // A server's working folder shows as a real path, and by it we know our server.
  const folder = await realpath(join(stateDir, "postgres"));
  // Passable for the server's user; what is secret inside is closed by itself.
  await chmod(folder, 0o711);
  const account = await postgresAccount();
  assertReachable(folder, account);
  const server = {
    dataDir: dataFolderIn(folder),
    logFile: join(folder, "postgres.log"),
    binaries: await runnableBinaries(binaries ?? programFiles.postgres(), folder, account),
    account,
    password: await storedPassword(join(folder, "password")),
    serverPassword: await storedPassword(join(folder, "server-password")),
    settings: { ...SETTINGS, ...settings },
  };
  await ensureDataDir(server);
  return server;
}

/** The server left over from a killed process of ours, if it answers where it should; else it is stopped. */
async function adopt(server: Server, wantedPort: number | undefined): Promise<Postmaster | null> {
  const left = await findPostmaster(server.dataDir);
  if (left === null) return null;
  const deadline = performance.now() + ANSWER_WITHIN_MS;
  while ((wantedPort ?? left.port) === left.port && performance.now() < deadline) {
    if (await answers(urlOf(server, left.port, "postgres"))) return left;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await stopPostmaster(server.dataDir, left.pid);
  return null;
}

async function start(server: Server, wantedPort: number | undefined): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    const port = wantedPort ?? (await freePort(LOOPBACK, null));
    const isReady = () => answers(urlOf(server, port, "postgres"));
    try {
      return await startPostmaster({ ...server, port, isReady });
    } catch (error) {
      if (attempt === MAX_START_ATTEMPTS || wantedPort !== undefined) throw error;
    }
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: ANSWER_WITHIN_MS });
  client.on("error", ignoreLostConnection);
  try {
    await client.connect();
    await client.query("SELECT 1");
    return true;
  } catch {
    // Not yet or never: the caller's deadline decides, and the server's log says why.
    return false;
  } finally {
    await client.end().catch(ignoreLostConnection);
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${escapeIdentifier(DATABASE)}`);
  } finally {
    await client.end();
  }
}

function urlOf({ password }: Pick<Server, "password">, port: number, database: string): string {
  return `postgres://${DATABASE_USER}:${password}@${LOOPBACK}:${port}/${database}`;
}

function ignoreLostConnection(): void {}
