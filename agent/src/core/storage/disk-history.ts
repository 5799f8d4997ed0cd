/**
 * What was seen of the host's disks and their writers, each with its time: how much room there was, what runs held there
 * when it was measured, what their processes had written. Only what is within the window counts, and of a disk only what
 * came after the last stop for it, so that nothing is blamed on anybody twice.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import { goneBytes, WINDOW_MS, type DiskSight } from "./disk-guard.ts";

type Room = { freeBytes: number; totalBytes: number };

export type DiskSample = {
  atMs: number;
  /** By device. */
  disks: ReadonlyMap<number, Room>;
  /** Counts that only rise; empty where nobody counted. */
  written: ReadonlyMap<RunId, number>;
};

type Measurement = {
  /** When it began. */
  atMs: number;
  /** Bytes that each run held, by device; what was not measured whole is missing. */
  held: ReadonlyMap<RunId, ReadonlyMap<number, number>>;
};

export class DiskHistory {
  #checks: DiskSample[] = [];
  #measurements: Measurement[] = [];
  readonly #sinceMs = new Map<number, number>();

  check(check: DiskSample): void {
    const isRecent = ({ atMs }: { atMs: number }) => check.atMs - atMs <= WINDOW_MS;
    this.#checks = [...this.#checks.filter(isRecent), check];
    this.#measurements = this.#measurements.filter(isRecent);
  }

  measured(measurement: Measurement): void {
    this.#measurements.push(measurement);
  }

  /** What this disk lost before then is accounted for. */
  beginAnew(device: number, atMs: number): void {
    this.#sinceMs.set(device, atMs);
  }

  /** The newest last. */
  sights(device: number): DiskSight[] {
    return this.#checks.flatMap(({ atMs, disks }) => {
      const room = disks.get(device);
      return room === undefined ? [] : [{ atMs, ...room }];
    });
  }

  /** @param sinceMs beside the window and the last stop */
  goneBytes(device: number, sinceMs: number = Number.NEGATIVE_INFINITY): number {
    return goneBytes(this.sights(device).filter(({ atMs }) => atMs >= sinceMs && this.#counts(device, atMs)));
  }

  /** Null when the run was not measured twice. */
  grownBytes(device: number, runId: RunId): number | null {
    const held = this.#measurements.flatMap((measurement) =>
      this.#counts(device, measurement.atMs) ? (measurement.held.get(runId)?.get(device) ?? []) : [],
    );
    const [first, ...later] = held;
    const last = later.at(-1);
    return first === undefined || last === undefined ? null : last - first;
  }

  writtenBytes(device: number, runId: RunId): number {
    const written = this.#checks.flatMap((check) =>
      this.#counts(device, check.atMs) ? (check.written.get(runId) ?? []) : [],
    );
    return Math.max(0, (written.at(-1) ?? 0) - (written[0] ?? 0));
  }

  #counts(device: number, atMs: number): boolean {
    return atMs >= (this.#sinceMs.get(device) ?? Number.NEGATIVE_INFINITY);
  }
}
