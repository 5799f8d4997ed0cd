/**
 * How far a transfer is, on standard error: a line that is written over in a terminal; elsewhere nothing, or, of what takes
 * long, a line now and then.
 */
import { sizeText } from "../../framework/output.ts";
import { safeText } from "../../terminal/safe-text.ts";

import { controlTerminal, writeMessage } from "../../terminal/outputs.ts";

const EVERY_MS = 500;
const LINE_EVERY_MS = 10_000;
const WIDTH = 78;

export class Progress {
  readonly #isTerminal = process.stderr.isTTY;
  readonly #what: string;
  readonly #everyMs: number;
  readonly #startedMs = performance.now();
  #visibleMs: number;
  #moved = 0;
  files = 0;

  /** @param told.what said in front of each line. @param told.isByLines whether it is told where there is no terminal */
  constructor({ what = "", isByLines = false }: { what?: string; isByLines?: boolean } = {}) {
    this.#what = what === "" ? "" : `${what}: `;
    this.#everyMs = this.#isTerminal ? EVERY_MS : isByLines ? LINE_EVERY_MS : Number.POSITIVE_INFINITY;
    // In a terminal at once, else once it has taken long.
    this.#visibleMs = this.#isTerminal ? Number.NEGATIVE_INFINITY : this.#startedMs;
  }

  /** So many bytes more have gone over; `rest` is what is still to come, as far as it is known. */
  moved(bytes: number, { name, rest }: { name: string; rest: number }): void {
    this.#moved += bytes;
    const nowMs = performance.now();
    if (nowMs - this.#visibleMs < this.#everyMs) return;
    this.#visibleMs = nowMs;
    const parts = [safeText(name), sizeText(this.#moved), this.#rate(), restText(rest / this.#perSecond())];
    const line = `${this.#what}${parts.filter((part) => part !== "").join("  ")}`;
    if (this.#isTerminal) controlTerminal(`\r${safeText(line).slice(0, WIDTH).padEnd(WIDTH)}`);
    else writeMessage(`${line}\n`);
  }

  /** "12 files, 1.5 GiB, 80 MiB/s" */
  end(): string {
    if (this.#isTerminal) controlTerminal(`\r${" ".repeat(WIDTH)}\r`);
    const files = `${this.files} file${this.files === 1 ? "" : "s"}`;
    return this.#moved === 0 ? files : `${files}, ${sizeText(this.#moved)}, ${this.#rate()}`;
  }

  get movedBytes(): number {
    return this.#moved;
  }

  #perSecond(): number {
    return this.#moved / Math.max(0.001, (performance.now() - this.#startedMs) / 1_000);
  }

  #rate(): string {
    return `${sizeText(Math.round(this.#perSecond()))}/s`;
  }
}

function restText(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  const minutes = Math.floor(seconds / 60);
  return minutes >= 1 ? `${minutes} min left` : `${Math.ceil(seconds)} s left`;
}
