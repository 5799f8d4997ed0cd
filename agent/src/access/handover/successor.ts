/**
 * The access process of another bundle, as the one sees it that hands over to it: started, given the listening sockets
 * and then the folder, and ended where it does not do with them what it should.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readProcessLife } from "../../host/processes/process-liveness.ts";
import { asSendable } from "../relay/listener-handle.ts";
import type { GatewayIdentity } from "../relay/connections/gateway-identity.ts";
import type { Listener } from "../relay-process/relay-handlers.ts";
import { FromSuccessor, type ToSuccessor } from "./handover-messages.ts";

const READY_WITHIN_MS = 20_000;
const SERVING_WITHIN_MS = 20_000;
const CHECK_EVERY_MS = 10;
/**
 * A child of the host's first process rather than of this one: systemd notices the end of a unit's main process only
 * where that is its own child. The shell is gone at once.
 */
const DETACHED = 'exec "$@" &';

/** It did not come up, or did not take over; the message says how far it got. */
export class SuccessorError extends Error {
  override name = "HeirError";
}

export class Successor {
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  readonly #heard: Record<FromSuccessor["kind"], PromiseWithResolvers<FromSuccessor>> = {
    ready: Promise.withResolvers(),
    serving: Promise.withResolvers(),
  };
  #pid: number | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
    // Its end, however that comes about: the shell between has long ended.
    this.#gone = new Promise((resolve) => child.once("disconnect", resolve));
    const failed = (cause: unknown) => {
      for (const { promise, reject } of Object.values(this.#heard)) {
        // Whoever does not wait for it any more need not know.
        promise.catch(() => undefined);
        reject(new SuccessorError("it has ended", { cause }));
      }
    };
    child.once("error", failed);
    child.once("disconnect", failed);
    child.on("message", (raw) => {
      const message = FromSuccessor.safeParse(raw);
      if (!message.success) return failed(message.error);
      if (message.data.kind === "ready") this.#pid = message.data.pid;
      this.#heard[message.data.kind].resolve(message.data);
    });
  }

  /** Resolves when it is ready to take over. @throws SuccessorError */
  static async start(folder: string): Promise<Successor> {
    const [node, code] = [join(folder, "node"), join(folder, "access.mjs")];
    for (const file of [node, code]) if (!existsSync(file)) throw new SuccessorError(`there is no ${file}`);
    const { REMOTEGPU_EXIT_WITH_STDIN: _mine, ...env } = process.env;
    const successor = new Successor(
      spawn("/bin/sh", ["-c", DETACHED, "sh", node, code, "succeed"], {
        env,
        detached: true,
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      }),
    );
    try {
      await successor.#hears("ready", READY_WITHIN_MS);
      return successor;
    } catch (error) {
      await successor.end();
      throw error;
    }
  }

  get pid(): number {
    if (this.#pid === null) throw new SuccessorError("it has not reported its pid");
    return this.#pid;
  }

  /** Uses them up. Resolves when it serves. @throws SuccessorError */
  async takeListeners(listeners: readonly Listener[]): Promise<void> {
    for (const { leaseId, port, handle } of listeners)
      try {
        await this.#send({ kind: "listener", leaseId, port }, asSendable(handle));
      } finally {
        handle.close();
      }
  }

  /** Nothing of the folder is in use here any more. Resolves when it serves. @throws SuccessorError */
  async takeFolder(gateway: GatewayIdentity | null): Promise<void> {
    await this.#send({ kind: "yours", gateway });
    await this.#hears("serving", SERVING_WITHIN_MS);
  }

  /** It works without this one from now on. */
  release(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  /** Resolves when nothing of it is left, so that the folder can be had again. */
  async end(): Promise<void> {
    if (this.#pid === null) return this.release();
    if (this.#child.connected) process.kill(this.#pid, "SIGKILL");
    await this.#gone;
    // Its channel closes before its other files do.
    while ((await readProcessLife(this.#pid)).alive) await delay(CHECK_EVERY_MS);
  }

  async #hears(kind: FromSuccessor["kind"], withinMs: number): Promise<void> {
    const { promise, reject } = this.#heard[kind];
    const timer = setTimeout(() => reject(new SuccessorError(`it is not ${kind} in time`)), withinMs);
    await promise.finally(() => clearTimeout(timer));
  }

  async #send(message: ToSuccessor, handle?: Parameters<ChildProcess["send"]>[1]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#child.send(message, handle, (error) =>
        error === null ? resolve() : reject(new SuccessorError("it could not be notified", { cause: error })),
      );
    });
  }
}
