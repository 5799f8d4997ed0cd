/** Files from the command and the API down to a real files process of the one host that is heard, over a counted line. */
import { reasonOf } from "@remotegpu/control-plane/server/core/reasons/plain-reason";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { filesSocket } from "@remotegpu/agent/config/config";
import { type ApiServer, openServer } from "@remotegpu/control-plane/server/http/server/server";
import { fileRequests } from "@remotegpu/control-plane/server/link/files/file-requests";
import { FilesUnderTest } from "../agent/files.ts";
import { openApi, type ApiWorld, type Caller } from "../http/api.ts";
import { CountedLine } from "../http/counted-line.ts";

const CLI = new URL("../../../control-plane/cli/main.ts", import.meta.url).pathname;

export class FilesScene implements AsyncDisposable {
  readonly api: ApiWorld;
  readonly files: FilesUnderTest;
  readonly line: CountedLine;
  /** Where the command is called. */
  readonly here: string;
  readonly #ending: AsyncDisposableStack;
  #server: ApiServer;

  private constructor(
    parts: Pick<FilesScene, "api" | "files" | "line" | "here">,
    server: ApiServer,
    ending: AsyncDisposableStack,
  ) {
    ({ api: this.api, files: this.files, line: this.line, here: this.here } = parts);
    this.#server = server;
    this.#ending = ending;
  }

  static async open(): Promise<FilesScene> {
    await using ending = new AsyncDisposableStack();
    const files = ending.adopt(await FilesUnderTest.begin(), (one) => one.end());
    const api = ending.adopt(await openApi(), (one) => one.close());
    const here = await mkdtemp(join(tmpdir(), "rg-copies-"));
    ending.defer(() => rm(here, { recursive: true }));
    api.deps.files = fileRequests(async () => {
      const stream = connect(filesSocket(files.state));
      try {
        await once(stream, "connect");
        return { isOpen: true, stream };
      } catch {
        return { isOpen: false, why: reasonOf("files-process-missing") };
      }
    });
    const server = await openServer(api.app, { host: "127.0.0.1", port: 0, tls: null });
    ending.defer(() => scene.#server.close());
    const line = ending.adopt(await CountedLine.open(() => scene.#server.port), (one) => one.close());
    await api.db.query(
      `INSERT INTO hosts (id, name, ip_address, connection, storage_pool) VALUES
         ('host-1', 'gpu-1', '10.0.0.1', 'connected', 'pool-a'), ('host-2', 'gpu-2', '10.0.0.2', 'unreachable', 'pool-b')`,
    );
    const scene: FilesScene = new FilesScene({ api, files, line, here }, server, ending.move());
    return scene;
  }

  async serverAnew(): Promise<void> {
    const { port } = this.#server;
    await this.#server.close();
    this.#server = await openServer(this.api.app, { host: "127.0.0.1", port, tls: null });
  }

  /** Of the server itself, past the line. */
  get port(): number {
    return this.#server.port;
  }

  async cli({ key }: Caller, ...args: string[]) {
    return await execa(process.execPath, [CLI, ...args], {
      env: this.#settings(key),
      extendEnv: false,
      reject: false,
      cwd: this.here,
    });
  }

  /** With what it says on standard error. */
  begin({ key }: Caller, ...args: string[]): ChildProcess {
    return spawn(process.execPath, [CLI, ...args], {
      cwd: this.here,
      env: this.#settings(key),
      stdio: ["ignore", "ignore", "pipe"],
    });
  }

  #settings(key: string): Record<string, string> {
    return { REMOTEGPU_SERVER: `http://127.0.0.1:${this.line.port}`, REMOTEGPU_KEY: key, HOME: this.here };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ending.disposeAsync();
  }
}
