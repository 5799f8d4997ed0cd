/** How far a transfer is, on standard error: a line that is written over in a terminal, and nothing elsewhere. */
import { safeText, sizeText } from "../frame/output.ts";

const EVERY_MS = 500;
const WIDTH = 78;

export class Progress {
  readonly #isShown = process.stderr.isTTY;
  readonly #startedMs = performance.now();
  #shownMs = Number.NEGATIVE_INFINITY;
  #moved = 0;
  files = 0;

  /** So many bytes more have gone over; `rest` is what is still to come, as far as it is known. */
  moved(bytes: number, { name, rest }: { name: string; rest: number }): void {
    this.#moved += bytes;
    const nowMs = performance.now();
    if (!this.#isShown || nowMs - this.#shownMs < EVERY_MS) return;
    this.#shownMs = nowMs;
    const line = `${safeText(name)}  ${sizeText(this.#moved)}  ${this.#rate()}  ${restText(rest / this.#perSecond())}`;
    process.stderr.write(`\r${line.slice(0, WIDTH).padEnd(WIDTH)}`);
  }

  /** "12 files, 1.5 GiB, 80 MiB/s" */
  end(): string {
    if (this.#isShown) process.stderr.write(`\r${" ".repeat(WIDTH)}\r`);
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
