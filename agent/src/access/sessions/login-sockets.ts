/**
 * Opens, in the live folder of each run that is entered by SSH, the socket on which its container tells of logins, and
 * hands it to the relay, which is nobody and may read what a hostile container writes. A new relay gets new ones.
 */
import { closeSync, constants, openSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { LOGIN_SOCKET } from "../../core/ssh/live-files.ts";
import { liveFolderOf } from "../../toolbox/live-folder.ts";
import type { ReachableInstance } from "../control/control-messages.ts";

/** One that told too much, or whose socket could not be made, is heard again after so long. */
const AGAIN_AFTER_MS = 10_000;
/** Mode 0600: root of the container is root of the host, without its rights. */
const SOCKET_UMASK = 0o177;

export type Hearing = {
  /** The server goes with it; `sent` is called once it is the other side's, or never will be. */
  hear(runId: RunId, server: Server, sent: () => void): void;
  stopHearing(runId: RunId): void;
};

export class LoginSockets {
  readonly #stateDir: string;
  readonly #relay: Hearing;
  readonly #nowMs: () => number;
  readonly #log: Log;
  readonly #heard = new Set<RunId>();
  readonly #backoffUntilMs = new Map<RunId, number>();
  #wanted: ReadonlySet<RunId> = new Set();
  #isUp = false;

  constructor(options: { stateDir: string; relay: Hearing; nowMs: () => number; log: Log }) {
    this.#stateDir = options.stateDir;
    this.#relay = options.relay;
    this.#nowMs = options.nowMs;
    this.#log = options.log;
  }

  follow(instances: readonly ReachableInstance[]): void {
    const before = this.#wanted;
    const isWanted = ({ runId, openTo }: ReachableInstance) =>
      openTo === undefined ? before.has(runId) : openTo !== null;
    this.#wanted = new Set(instances.filter(isWanted).map(({ runId }) => runId));
    for (const runId of this.#heard)
      if (!this.#wanted.has(runId)) {
        this.#heard.delete(runId);
        this.#relay.stopHearing(runId);
      }
    for (const runId of this.#backoffUntilMs.keys())
      if (!this.#wanted.has(runId)) this.#backoffUntilMs.delete(runId);
    this.tick();
  }

  /** A relay that hears nobody yet. */
  relayUp(): void {
    this.#heard.clear();
    this.#isUp = true;
    this.tick();
  }

  relayDown(): void {
    this.#isUp = false;
  }

  /** The relay has given one up. */
  deaf(runId: RunId): void {
    if (!this.#heard.delete(runId)) return;
    this.#log.warn(
      { runId },
      "a container reports more logins than possible; its reports are ignored for a while",
    );
    this.#backoffUntilMs.set(runId, this.#nowMs() + AGAIN_AFTER_MS);
  }

  /** To be called about every second: opens what is wanted and is not. */
  tick(): void {
    if (!this.#isUp) return;
    for (const runId of this.#wanted)
      if (!this.#heard.has(runId) && (this.#backoffUntilMs.get(runId) ?? 0) <= this.#nowMs())
        this.#open(runId);
  }

  #open(runId: RunId): void {
    let folder: number;
    try {
      const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
      folder = openSync(liveFolderOf(this.#stateDir, runId), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch {
      // It is gone with its container, or not there yet.
      this.#backoffUntilMs.set(runId, this.#nowMs() + AGAIN_AFTER_MS);
      return;
    }
    // Short, whatever the state folder is called: a socket's path has few bytes.
    const at = `/proc/self/fd/${folder}`;
    const draft = join(at, `.${LOGIN_SOCKET}`);
    const server = createServer();
    // Nobody connects before it has its name, and nobody is taken in here: both in one go, when it is the relay's.
    const done = () => {
      renameSync(draft, join(at, LOGIN_SOCKET));
      // Closing would take its name away, and the draft's is gone by now.
      server.close(() => closeSync(folder));
    };
    server.once("error", (error) => {
      this.#log.warn({ runId, error }, "the socket for logins of a container could not be made; tried again");
      this.#heard.delete(runId);
      this.#backoffUntilMs.set(runId, this.#nowMs() + AGAIN_AFTER_MS);
      closeSync(folder);
    });
    this.#heard.add(runId);
    rmSync(draft, { force: true });
    const umask = process.umask(SOCKET_UMASK);
    try {
      server.listen(draft, () => this.#relay.hear(runId, server, done));
    } finally {
      process.umask(umask);
    }
  }
}
