/**
 * One Chromium for the whole run of the suite, started for the first test that opens a page, and another one for the next
 * test after it has ended. Both projects that need it call this; the second finds the server of the first.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { ownedName } from "../../containers/owned-name.ts";
import { Chromium } from "./chromium.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A socket: whoever connects reads where Chromium's DevTools are, or why there are none. */
    chromiumSocket: string;
  }
}

/** What it writes, as JSON. */
export type ChromiumReply = { endpoint: string } | { failure: string };

export class ChromiumServer implements AsyncDisposable {
  readonly socket: string;
  readonly #server: Server;
  #running: Promise<Chromium> | null = null;

  static async open(socket: string): Promise<ChromiumServer> {
    const server = new ChromiumServer(socket);
    await once(server.#server.listen(socket), "listening");
    return server;
  }

  private constructor(socket: string) {
    this.socket = socket;
    this.#server = createServer(async (client) => {
      client.on("error", () => undefined).end(JSON.stringify(await this.#reply()));
    });
  }

  async #reply(): Promise<ChromiumReply> {
    this.#running ??= this.#start();
    try {
      return { endpoint: (await this.#running).endpoint };
    } catch (error) {
      this.#running = null;
      return { failure: String(error) };
    }
  }

  async #start(): Promise<Chromium> {
    const chromium = await Chromium.start();
    void this.#forgetAtItsEnd(chromium);
    return chromium;
  }

  async #forgetAtItsEnd(chromium: Chromium): Promise<void> {
    await chromium.ended;
    this.#running = null;
    await chromium[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    const running = await this.#running?.catch(() => null);
    await running?.[Symbol.asyncDispose]();
  }
}

interface Shared {
  server: Promise<ChromiumServer>;
  users: number;
}

/** Each project loads its own copy of this module, so what they share hangs on the process. */
const shared = globalThis as { remotegpuTestChromium?: Shared };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const path = join(tmpdir(), `${ownedName("run")}chromium`);
  const { remotegpuTestChromium: running = { server: ChromiumServer.open(path), users: 0 } } = shared;
  shared.remotegpuTestChromium = running;
  running.users += 1;
  project.provide("chromiumSocket", (await running.server).socket);
  return async () => {
    running.users -= 1;
    if (running.users > 0) return;
    delete shared.remotegpuTestChromium;
    await (await running.server)[Symbol.asyncDispose]();
  };
}
