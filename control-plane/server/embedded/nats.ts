/**
 * Runs a `nats-server` of our own for a control plane without external NATS, and keeps it up until it is stopped.
 * What it is configured to do is none of this file's business (link/servers/nats-config.ts).
 */
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { delimiter, join } from "node:path";
import type { Log } from "@remotegpu/shared/log";
import { localAddress, localPlace } from "@remotegpu/shared/values/local-url";
import { hasEnded, spawnDetached, stopLeftover, stopProcess, type ProcessFiles } from "./detached-process.ts";
import { freePort, isPortFree } from "./ports.ts";

const READY_WITHIN_MS = 20_000;
const GREETS_WITHIN_MS = 2_000;
const POLL_MS = 50;
const RESTART_AFTER_MS = 1_000;

interface Listen {
  address: string;
  port: number;
}

export interface NatsOptions {
  stateDir: string;
  /** Without a port: the one of the last start if it is free (hosts know it), else any free one. */
  listen: { address: string; port?: number };
  isTls: boolean;
  /** The server's configuration for the address it got. */
  config: (at: { listen: Listen; storeDir: string }) => string;
  log: Log;
}

export interface EmbeddedNats {
  /** As the control plane on this host reaches it. */
  url: string;
  port: number;
  /** Of the process that runs now; 0 between its death and its restart. */
  pid(): number;
  /** Has it read its certificate again, for connections from then on. */
  reload(): void;
  stop(): Promise<void>;
}

/** One line that says why the server cannot start. */
export class NatsStartError extends Error {
  override name = "NatsStartError";
}

/** @throws NatsStartError */
export async function startNats(options: NatsOptions): Promise<EmbeddedNats> {
  const { stateDir, listen, log } = options;
  const binary = findBinary();
  if (binary === null) {
    throw new NatsStartError(
      "nats-server is not installed (on Debian and Ubuntu: apt-get install nats-server)",
    );
  }
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const files = {
    config: join(stateDir, "nats.conf"),
    pid: join(stateDir, "nats.pid"),
    log: join(stateDir, "nats.log"),
  };
  await stopLeftover(files);
  const port = listen.port ?? (await freePort(listen.address, lastPort(stateDir)));
  if (!(await isPortFree(listen.address, port))) {
    throw new NatsStartError(`NATS cannot listen on ${listen.address} port ${port}: it is taken`);
  }
  const at = { listen: { address: listen.address, port }, storeDir: stateDir };
  writeFileSync(files.config, options.config(at), { mode: 0o600 });
  writeFileSync(portFile(stateDir), `${port}\n`);

  const reached = { address: localAddress(listen.address), port };
  const server = new NatsServer({ binary, files, at: reached, log });
  await server.start();
  return {
    url: `${options.isTls ? "tls" : "nats"}://${localPlace(reached)}`,
    port,
    pid: () => server.pid,
    reload: () => server.reload(),
    stop: () => server.stop(),
  };
}

interface ServerParts {
  binary: string;
  files: ProcessFiles;
  at: Listen;
  log: Log;
}

class NatsServer {
  readonly #parts: ServerParts;
  #child: ChildProcess | null = null;
  #isStopping = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  get pid(): number {
    return this.#child === null || hasEnded(this.#child) ? 0 : (this.#child.pid ?? 0);
  }

  /** Resolves when the server answers. @throws NatsStartError, with nothing left running */
  async start(): Promise<void> {
    const { binary, files, at, log } = this.#parts;
    const child = spawnDetached(binary, files);
    // Without a listener a failed spawn would end our own process; that it has no pid says the same.
    child.once("error", (error) => log.error({ error }, "nats-server cannot be run"));
    this.#child = child;
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!(await greets(at))) {
      if (hasEnded(child) || performance.now() > deadline) {
        await this.#end();
        throw new NatsStartError(`nats-server does not start: ${lastFatalLine(files.log)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    if (hasEnded(child)) this.#startAgain();
    else child.once("exit", () => this.#startAgain());
  }

  /** One that is being started reads it anyway. */
  reload(): void {
    const { pid } = this;
    if (pid !== 0) process.kill(pid, "SIGHUP");
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    await this.#end();
  }

  async #end(): Promise<void> {
    if (this.pid !== 0) await stopProcess(this.pid);
    rmSync(this.#parts.files.pid, { force: true });
  }

  #startAgain(): void {
    if (this.#isStopping) return;
    const { log } = this.#parts;
    log.error({}, "nats-server has ended; it is started again");
    this.#restart = setTimeout(() => {
      this.start().catch((error: unknown) => {
        log.error({ error }, "nats-server could not be started again");
        this.#startAgain();
      });
    }, RESTART_AFTER_MS);
  }
}

/** NATS speaks first; a server that says INFO is ready. */
function greets({ address, port }: Listen): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port, timeout: GREETS_WITHIN_MS });
    const settle = (isReady: boolean) => {
      socket.destroy();
      resolve(isReady);
    };
    socket.once("data", (chunk) => settle(chunk.toString("latin1").startsWith("INFO ")));
    socket.once("error", () => settle(false));
    socket.once("timeout", () => settle(false));
    socket.once("close", () => settle(false));
  });
}

function lastFatalLine(logFile: string): string {
  const lines = readFileSync(logFile, "utf8").trim().split("\n");
  const fatal = lines.findLast((line) => line.includes("[FTL]")) ?? lines.at(-1) ?? "";
  return fatal.replace(/^.*\[[A-Z]{3}\]\s*/, "") || "it says nothing";
}

/**
 * Where a server of ours on this machine was last started, whether it runs or not. Starts and changes nothing.
 * @param stateDir of the NATS @param address on which it listens
 */
export function lastNatsUrl(
  stateDir: string,
  { address, isTls }: { address: string; isTls: boolean },
): string | null {
  const port = lastPort(stateDir);
  if (port === null) return null;
  return `${isTls ? "tls" : "nats"}://${localPlace({ address, port })}`;
}

const portFile = (stateDir: string) => join(stateDir, "nats.port");

function lastPort(stateDir: string): number | null {
  if (!existsSync(portFile(stateDir))) return null;
  const port = Number.parseInt(readFileSync(portFile(stateDir), "utf8"), 10);
  return port > 0 && port < 65_536 ? port : null;
}

/** Debian keeps it in /usr/sbin, which is not on everyone's PATH. */
function findBinary(): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/bin"];
  return folders.map((folder) => join(folder, "nats-server")).find((file) => existsSync(file)) ?? null;
}
