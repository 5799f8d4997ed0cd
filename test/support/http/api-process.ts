/** Servers of the API as processes of their own (`fixtures/api-server.ts`), which a test asks, measures and kills. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

const PROGRAM = new URL("../../fixtures/api-server.ts", import.meta.url).pathname;

export type ApiProcessMessage = { kind: "port"; port: number } | { kind: "memory"; bytes: number };

export class ApiProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly port: number;

  static async start(databaseUrl: string, { dashboard = false } = {}): Promise<ApiProcess> {
    const child = fork(PROGRAM, [databaseUrl, ...(dashboard ? ["dashboard"] : [])], {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const messages = await messageOf(child);
    return new ApiProcess(child, messages.kind === "port" ? messages.port : 0);
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Without what nobody needs any more. */
  async memoryBytes(): Promise<number> {
    const messages = messageOf(this.#child);
    this.#child.send("memory");
    const reported = await messages;
    return reported.kind === "memory" ? reported.bytes : 0;
  }

  /** Without warning, as the machine under it would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

async function messageOf(child: ChildProcess): Promise<ApiProcessMessage> {
  const over = new AbortController();
  const died = once(child, "exit", { signal: over.signal }).then(() => {
    throw new Error("the server's process has ended");
  });
  died.catch(() => undefined);
  try {
    const [messages] = (await Promise.race([once(child, "message", { signal: over.signal }), died])) as [
      ApiProcessMessage,
    ];
    return messages;
  } finally {
    over.abort();
  }
}
