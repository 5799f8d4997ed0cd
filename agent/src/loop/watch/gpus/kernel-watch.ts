/**
 * Follows the kernel log for what it says of GPUs. Each record is heeded once in a boot, over restarts of the agent too:
 * whoever keeps what came of it keeps `heededSeq` with it.
 */
import type { Log } from "@remotegpu/shared/log";
import {
  beginReading,
  type HeardFinding,
  type KernelReading,
  readKernelLines,
} from "../../../core/gpus/kernel-lines/kernel-reading.ts";
import { KernelLog } from "../../../host/kernel-log.ts";

/**
 * Written to the agent's own log of one reading, the same error of the same device once; a program can have the driver
 * write thousands of lines a second.
 */
const MAX_LOGGED = 16;

export class KernelWatch {
  readonly #log: Log;
  readonly #kernelLog: KernelLog;
  readonly #isWhole: boolean;
  #reading: KernelReading = beginReading(null);
  #lost = 0;
  #isForbidden = false;
  #listening: Promise<unknown> = Promise.resolve();

  /** @param isWhole the log has every number, so that one that is missing was lost; a log that tests write may leave some out */
  constructor({ path, isWhole, log }: { path: string; isWhole: boolean; log: Log }) {
    this.#kernelLog = new KernelLog(path);
    this.#isWhole = isWhole;
    this.#log = log;
  }

  /** The log cannot be read: nothing is known of errors. */
  get isForbidden(): boolean {
    return this.#isForbidden;
  }

  /** The last record that was heeded; null for none. */
  get heededSeq(): number | null {
    return this.#reading.heededSeq;
  }

  /** An earlier life of the agent heeded the log so far. To be called before the first reading. */
  resumeAfter(heededSeq: number | null): void {
    this.#reading = beginReading(heededSeq);
  }

  /** What new lines say of GPUs. One reader at a time: who asks while another reads gets what comes after. */
  async newFindings(): Promise<HeardFinding[]> {
    const read = this.#listening.then(() => this.#read());
    this.#listening = read.catch(() => undefined);
    return await read;
  }

  /** How many records were overwritten before they were read, since this was asked last. */
  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  async close(): Promise<void> {
    this.#listening = this.#listening.then(() => this.#kernelLog.close());
    await this.#listening;
  }

  async #read(): Promise<HeardFinding[]> {
    const lines = await this.#kernelLog.newLines();
    const { path } = this.#kernelLog;
    if (lines === null && !this.#isForbidden)
      this.#log.warn({ path }, "the kernel log cannot be read: errors of GPUs are not seen");
    this.#isForbidden = lines === null;
    const { reading, heard, lost } = readKernelLines(this.#reading, lines ?? []);
    this.#reading = reading;
    if (lost > 0 && this.#isWhole) {
      this.#lost += lost;
      this.#log.warn({ path, lost }, "records of the kernel log were overwritten before they were read");
    }
    this.#report(heard);
    return heard;
  }

  #report(heard: readonly HeardFinding[]): void {
    const text = Map.groupBy(
      heard.filter(({ effect }) => effect !== "ignore"),
      ({ code, target, effect }) => `${code} ${effect} ${deviceOf(target) ?? ""}`,
    );
    for (const alike of [...text.values()].slice(0, MAX_LOGGED)) {
      const [first] = alike;
      if (first === undefined) continue;
      const { target, ...finding } = first;
      this.#log.warn(
        { ...finding, device: deviceOf(target), times: alike.length },
        "the kernel log reports a GPU error",
      );
    }
    if (text.size > MAX_LOGGED)
      this.#log.warn({ more: text.size - MAX_LOGGED }, "the kernel log reports more GPU errors");
  }
}

function deviceOf(target: HeardFinding["target"]): string | null {
  return target.kind === "gpu" ? target.busKey : null;
}
