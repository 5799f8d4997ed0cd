/**
 * What the control plane stands on: a Postgres and a NATS, ours in the state folder or the operator's, and the
 * certificate with which it shows itself beyond loopback. Postgres is waited for with a bound and in plain words; an
 * operator's NATS is not, since the control plane serves without it (fleet-link.ts).
 */
import { createHash, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Log } from "@remotegpu/shared/log";
import { postgresPlaces } from "@remotegpu/shared/settings/postgres-urls";
import type { Config } from "./config.ts";
import { startNats } from "./embedded/nats.ts";
import { startPostgres } from "./embedded/postgres.ts";
import { lockState } from "./embedded/state-lock.ts";
import type { NatsAddress } from "./link/servers/connection.ts";
import { renderNatsConfig } from "./link/servers/nats-config.ts";
import { openOperator, type Operator, operatorFile } from "./link/servers/operator.ts";
import { admitServer } from "./store/database/server-login.ts";
import { openDatabase, StoreError, type Database } from "./store/database/database.ts";
import { assertMigrated, migrate } from "./store/migrate.ts";
import { timelineFile } from "./timeline-file.ts";

const MAX_ATTEMPTS = 30;
const BETWEEN_ATTEMPTS_MS = 1_000;

/** Something we stand on did not come up within the bound. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

export interface Tls {
  ca: string;
  caSha256: string;
  certFile: string;
  keyFile: string;
  /** For curl's --pinnedpubkey: base64 SHA-256 of the server's public key. */
  publicKeySha256: string;
}

export interface Engines {
  db: Database;
  operator: Operator;
  nats: {
    address: NatsAddress;
    /** How hosts reach it, read anew for each. */
    forHosts: { readonly natsUrls: string[]; readonly ca: string | null };
  };
  tls: Tls | null;
  /** The certificate of our own CA as it must be now; made anew where it ends soon. Null without TLS. */
  renewTls(): Promise<Tls | null>;
  /** The name or address under which others reach this machine. */
  publicHost: string;
  stop(): Promise<void>;
}

/** @param log of a server, which goes on reading them */
export function openOperatorKeys(stateDir: string, log: Log | null = null): Promise<Operator> {
  mkdirSync(stateDir, { recursive: true });
  return openOperator(operatorFile(stateDir), log);
}

/** @throws EngineError, PostgresStartError, NatsStartError, StateLockedError, each with one clear line */
export async function startEngines(config: Config, log: Log): Promise<Engines> {
  const undo: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const lock = await lockState(config.stateDir);
    undo.push(() => Promise.resolve(lock.release()));
    const operator = await openOperatorKeys(config.stateDir, log);
    const publicHost = publicHostOf(config);
    const tls = isLoopback(config.listen.address) ? null : await ownCertificate(config, publicHost);

    const { db, end: endDatabase } = await database(config, log, {
      prepare: (owner) => bringUpToDate(owner, config, log),
    });
    undo.push(endDatabase);
    await reportFooting(db, log);

    const {
      address,
      urlsForHosts,
      reload: reloadNats,
      end: endNats,
    } = await natsServer(config, operator, { tls, publicHost, log });
    undo.push(endNats);
    const nats = {
      address,
      forHosts: {
        natsUrls: urlsForHosts,
        get ca() {
          return config.nats === null ? (tls?.ca ?? null) : address.ca;
        },
      },
    };
    const renewTls = async () => {
      if (tls === null) return null;
      const renewed = await ownCertificate(config, publicHost);
      reloadNats();
      return renewed;
    };
    return { db, operator, nats, tls, renewTls, publicHost, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A database of our own is ours to bring up to date; the operator's is not touched unasked. */
async function bringUpToDate(owner: Database, config: Config, log: Log): Promise<void> {
  if (config.databaseUrl === null) await migrate(owner, { log: (line) => log.info({}, line) });
  else await assertMigrated(owner);
}

/** Nothing stops working for it, so nobody would notice. */
async function reportFooting(db: Database, log: Log): Promise<void> {
  await db.query("SELECT 1");
  if (db.role.footing === "unguarded")
    log.warn(
      {},
      "the user of DATABASE_URL can change the books; give the server a login of its own (see the doctor)",
    );
}

/**
 * Opens the database alone, for the application, once `prepare` has been at it as the tables' owner. A Postgres of ours
 * that runs already is used; `leavesRunning` leaves it so at the end, for commands beside a running server.
 */
export async function database(
  config: Config,
  log: Log,
  {
    leavesRunning = false,
    prepare,
  }: { leavesRunning?: boolean; prepare?: (owner: Database) => Promise<void> } = {},
): Promise<{ db: Database; end: () => Promise<void> }> {
  if (config.databaseUrl === null && config.migrationDatabaseUrl !== null)
    throw new EngineError(
      "MIGRATION_DATABASE_URL is for migrate alone: name the server's own DATABASE_URL, too",
    );
  const own = config.databaseUrl === null ? await startPostgres({ stateDir: config.stateDir, log }) : null;
  const ownerUrl = own?.url ?? config.databaseUrl ?? "";
  const ofSeveral = {
    timelines: timelineFile(config.stateDir, log),
    onPrimary: (line: string) => log.warn({}, line),
  };
  const owner = openDatabase(ownerUrl, { runsAs: "owner", ...ofSeveral });
  const end = async () => {
    if (own !== null && !(leavesRunning && own.adopted)) await own.stop();
  };
  let url = ownerUrl;
  try {
    await patiently("Postgres", postgresPlaces(ownerUrl).join(", "), log, () => owner.query("SELECT 1"));
    await prepare?.(owner);
    if (own !== null) url = await admitServer(owner, { ownerUrl, password: own.serverPassword });
  } catch (error) {
    await owner.close();
    await end();
    throw error;
  }
  await owner.close();
  // Opened after the role is there: what a connection may do is asked when it is made.
  const db = openDatabase(url, ofSeveral);
  return {
    db,
    async end() {
      await db.close();
      await end();
    },
  };
}

/** The operator's; null where it is to be one of ours. */
export function natsOf({ nats }: Config): NatsAddress | null {
  if (nats === null) return null;
  return { urls: nats.urls, ca: nats.caFile === null ? null : readFileSync(nats.caFile, "utf8") };
}

/** Reads the CA of the operator's NATS again, for connections from now on; one that is none is reported, and changes nothing. */
export function renewNatsCa({ nats }: Pick<Config, "nats">, address: NatsAddress, log: Log): void {
  const file = nats?.caFile ?? null;
  if (file === null) return;
  try {
    const ca = readFileSync(file, "utf8");
    if (ca === address.ca) return;
    assertCertificate(ca);
    address.ca = ca;
    log.info({ file }, "the CA of NATS was read again; it holds from the next connection on");
  } catch (error) {
    log.error({ file, error }, "the CA of NATS cannot be read again; the one before stays");
  }
}

/** @throws what Node throws of a text that is none */
function assertCertificate(pem: string): void {
  void new X509Certificate(pem);
}

async function natsServer(
  config: Config,
  operator: Operator,
  { tls, publicHost, log }: { tls: Tls | null; publicHost: string; log: Log },
): Promise<{ address: NatsAddress; urlsForHosts: string[]; reload: () => void; end: () => Promise<void> }> {
  const operators = natsOf(config);
  if (operators !== null)
    return {
      address: operators,
      urlsForHosts: operators.urls,
      reload: () => undefined,
      end: () => Promise.resolve(),
    };
  const server = await startNats({
    stateDir: join(config.stateDir, "nats"),
    listen: { address: config.listen.address },
    isTls: tls !== null,
    config: (at) => renderNatsConfig(operator, { ...at, serverName: "remotegpu", tls }),
    log,
  });
  return {
    address: { urls: [server.url], ca: tls?.ca ?? null },
    urlsForHosts: [tls === null ? server.url : `tls://${bracketed(publicHost)}:${server.port}`],
    reload: () => server.reload(),
    end: () => server.stop(),
  };
}

async function ownCertificate({ stateDir, listen }: Config, publicHost: string): Promise<Tls> {
  const isEvery = listen.address === "0.0.0.0" || listen.address === "::";
  const addresses = [publicHost, ...(isEvery ? [] : [listen.address]), "127.0.0.1", "localhost", hostname()];
  // The libraries for certificates are large, and most servers need none.
  const { serverCertificate } = await import("./embedded/certificate-authority.ts");
  const made = await serverCertificate(join(stateDir, "tls"), {
    addresses: [...new Set(addresses)],
    now: new Date(),
  });
  const { publicKey } = new X509Certificate(readFileSync(made.certFile));
  const publicKeySha256 = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64");
  return { ...made, publicKeySha256 };
}

export function publicHostOf({ publicUrl, listen }: Pick<Config, "publicUrl" | "listen">): string {
  if (publicUrl !== null) return new URL(publicUrl).hostname.replace(/^\[|\]$/g, "");
  if (listen.address !== "0.0.0.0" && listen.address !== "::") return listen.address;
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((entry) => entry !== undefined && !entry.internal && entry.family === "IPv4");
  return outside?.address ?? hostname();
}

export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || address.startsWith("127.");
}

/** Asks again while it does not answer, up to the bound. */
async function patiently<T>(what: string, where: string, log: Log, request: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      if (attempt >= MAX_ATTEMPTS)
        throw new EngineError(
          `${what} does not answer at ${where}, tried ${MAX_ATTEMPTS} times: ${reasonOf(cause)}`,
          {
            cause,
          },
        );
      log.warn({ attempt, of: MAX_ATTEMPTS }, `${what} does not answer at ${where} yet; trying again`);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_ATTEMPTS_MS));
    }
  }
}

function reasonOf(error: Error): string {
  const cause =
    error.cause instanceof Error && error.cause.message !== "" ? error.cause.message : "no reason";
  return `${error.message} (${cause})`;
}
