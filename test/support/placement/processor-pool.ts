/**
 * The processors of a recorded log as room for a queue: any of them will do, and work holds them for exactly as long as
 * it says. Beside a reserved head starts only what ends before it, as published replays have it. Time is in seconds and
 * moves when told to.
 */
import type { Room, Start } from "@remotegpu/control-plane/server/core/queue/backfill";

export interface PoolJob {
  processors: number;
  runSeconds: number;
}

interface Running {
  endsAt: number;
  processors: number;
}

export class ProcessorPool<Job extends PoolJob> implements Room<Job> {
  readonly #processors: number;
  #free: number;
  #now: number;
  #reservedAt: number | null = null;
  /** By their end; those that end together in the order in which they started. */
  readonly #running: Running[] = [];

  constructor({ processors, now }: { processors: number; now: number }) {
    this.#processors = processors;
    this.#free = processors;
    this.#now = now;
  }

  get now(): number {
    return this.#now;
  }

  get free(): number {
    return this.#free;
  }

  get running(): readonly Readonly<Running>[] {
    return this.#running;
  }

  start(job: Job): Start {
    if (job.processors > this.#processors) return "never-fits";
    if (job.processors > this.#free) return "no-room";
    this.#hold({ endsAt: this.#now + job.runSeconds, processors: job.processors });
    return "started";
  }

  reserve(head: Job): number | null {
    let free = this.#free;
    const last = this.#running.find(({ processors }) => (free += processors) >= head.processors);
    this.#reservedAt = last?.endsAt ?? null;
    return this.#reservedAt;
  }

  startBeside(job: Job): Start {
    if (job.processors > this.#processors) return "never-fits";
    const endsBefore = this.#reservedAt !== null && this.#now + job.runSeconds < this.#reservedAt;
    return endsBefore ? this.start(job) : "no-room";
  }

  /** Time passes, and nothing ends in it. */
  advanceTo(time: number): void {
    this.#now = Math.max(this.#now, time);
  }

  /** Goes to the next end, and gives back what that one job held. */
  endNext(): void {
    const ended = this.#running.shift();
    if (ended === undefined) return;
    this.advanceTo(ended.endsAt);
    this.#free += ended.processors;
  }

  #hold(work: Running): void {
    this.#free -= work.processors;
    let from = 0;
    let to = this.#running.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const other = this.#running[middle];
      if (other !== undefined && other.endsAt <= work.endsAt) from = middle + 1;
      else to = middle;
    }
    this.#running.splice(from, 0, work);
  }
}
