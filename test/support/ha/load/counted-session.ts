/** A session by SSH whose far end says every byte back, so that one that is lost is seen. */
import { type ChildProcess, spawn } from "node:child_process";
import { eventually } from "../../eventually.ts";

const EVERY_MS = 200;

export class CountedSession {
  readonly #child: ChildProcess;
  readonly #ticking: NodeJS.Timeout;
  #sent = "";
  #reported = "";
  #next = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => void (this.#reported += text));
    // It may have ended.
    child.stdin?.on("error", () => undefined);
    this.#ticking = setInterval(() => this.#send(), EVERY_MS);
  }

  /** @param args of Node, of a client of SSH that runs `cat` at the far end. Resolves once something came back. */
  static async open(args: readonly string[], env: Record<string, string>): Promise<CountedSession> {
    const child = spawn(process.execPath, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    const session = new CountedSession(child);
    try {
      await eventually(() => session.#reported !== "", { what: "what was sent by SSH, said back" });
    } catch (error) {
      session.end();
      throw error;
    }
    return session;
  }

  get isOpen(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get sentBytes(): number {
    return this.#sent.length;
  }

  /** Bytes that have not come back as they were sent, once those that were on their way had time to. */
  async lostBytes(): Promise<number> {
    const sent = this.#sent;
    await eventually(() => this.#reported.length >= sent.length || !this.isOpen, {
      withinMs: 10_000,
    }).catch(() => undefined);
    const isWhole = this.#sent.startsWith(this.#reported);
    return isWhole ? Math.max(0, sent.length - this.#reported.length) : sent.length;
  }

  end(): void {
    clearInterval(this.#ticking);
    this.#child.kill();
  }

  #send(): void {
    if (!this.isOpen) return;
    const line = `${(this.#next += 1)}\n`;
    this.#sent += line;
    this.#child.stdin?.write(line);
  }
}
