/**
 * The two outputs of this process, and all that is written to them. What goes to a terminal was made harmless before:
 * sentences and tables of ours by safe-text.ts, bytes of containers by terminal-filter.ts unless they are wished raw. Files
 * and pipes get every byte as it is.
 */
import { once } from "node:events";
import { safeLines } from "./safe-text.ts";
import { TerminalFilter } from "./terminal-filter.ts";

type OutputName = "stdout" | "stderr";

/** In it may stand words of others. */
export function writeMessage(text: string, to: OutputName = "stderr"): void {
  const stream = process[to];
  stream.write(stream.isTTY ? safeLines(text) : text);
}

/** What tells a terminal to do something, with no words of others in it. */
export function controlTerminal(sequence: string, to: OutputName = "stderr"): void {
  process[to].write(sequence);
}

/** Whether what containers print is not to come as it is. */
export function isFiltered(to: OutputName, { isRaw }: { isRaw: boolean }): boolean {
  return process[to].isTTY && !isRaw;
}

/** Bytes that others wrote, in pieces as they come. */
export class BytesOut {
  readonly #stream: NodeJS.WriteStream;
  readonly #filter: TerminalFilter | null;

  constructor(to: OutputName, how: { isRaw: boolean }) {
    this.#stream = process[to];
    this.#filter = isFiltered(to, how) ? new TerminalFilter() : null;
  }

  /** Resolves when there is room for more. */
  async write(bytes: Uint8Array): Promise<void> {
    const visible = this.#filter?.take(bytes) ?? bytes;
    if (!this.#stream.write(visible)) await once(this.#stream, "drain");
  }

  end(): void {
    const rest = this.#filter?.end() ?? "";
    if (rest !== "") this.#stream.write(rest);
  }
}
