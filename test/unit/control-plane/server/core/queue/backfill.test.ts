import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Rules,
  type Room,
  serve,
  type Start,
} from "@remotegpu/control-plane/server/core/queue/backfill";
import { replay, type LoggedJob } from "../../../../../support/placement/log-replay.ts";
import { type PoolJob, ProcessorPool } from "../../../../../support/placement/processor-pool.ts";

interface Job extends PoolJob {
  name: string;
}

const job = (name: string, processors: number, runSeconds: number): Job => ({ name, processors, runSeconds });
const names = (jobs: readonly Job[]) => jobs.map(({ name }) => name);
const asTheyCome = <Job>(behind: readonly Job[]) => behind;
const easy: Rules<Job> = { inOrder: asTheyCome, inBackfillOrder: asTheyCome };
const strict: Rules<Job> = { inOrder: asTheyCome, inBackfillOrder: null };

/** Ten processors, six of them held until second 100. */
function poolWithFourFree(): ProcessorPool<Job> {
  const pool = new ProcessorPool<Job>({ processors: 10, now: 0 });
  pool.start(job("runs", 6, 100));
  return pool;
}

describe("one service of the line", () => {
  test("starts heads for as long as they fit, in the order of the queue", () => {
    const behind = [job("a", 1, 50), job("c", 2, 50), job("b", 1, 50)];
    const byName: Rules<Job> = {
      inOrder: (behind) => behind.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      inBackfillOrder: null,
    };

    const served = serve({ head: null, behind }, poolWithFourFree(), byName);

    expect(names(served.started)).toEqual(["a", "b", "c"]);
    expect(served.line).toEqual({ head: null, behind: [] });
  });

  test("with a head that blocks nothing else starts where nothing may be backfilled", () => {
    const behind = [job("head", 5, 10), job("small", 1, 10)];

    const served = serve({ head: null, behind }, poolWithFourFree(), strict);

    expect(served.started).toEqual([]);
    expect(served.line).toEqual({ head: { job: behind[0], startsAt: 100 }, behind: [behind[1]] });
  });

  test("with a head that blocks a smaller job that ends before its start does start", () => {
    const behind = [job("head", 5, 10), job("too long", 1, 100), job("too wide", 5, 10), job("small", 4, 99)];

    const served = serve({ head: null, behind }, poolWithFourFree(), easy);

    expect(names(served.started)).toEqual(["small"]);
    expect(names(served.line.behind)).toEqual(["too long", "too wide"]);
    expect(served.line.head).toEqual({ job: behind[0], startsAt: 100 });
  });

  test("a head that blocked keeps its first right, whatever the order is by now", () => {
    const pool = poolWithFourFree();
    const first = serve({ head: null, behind: [job("head", 10, 10)] }, pool, easy);
    pool.endNext();

    const served = serve({ head: first.line.head, behind: [job("late", 1, 1)] }, pool, {
      inOrder: (behind) => behind.toReversed(),
      inBackfillOrder: null,
    });

    expect(names(served.started)).toEqual(["head"]);
    expect(served.line.head).toMatchObject({ job: { name: "late" }, startsAt: 110 });
  });

  test("a head that goes on blocking keeps the start that it was promised", () => {
    const pool = poolWithFourFree();
    const first = serve({ head: null, behind: [job("head", 10, 10)] }, pool, easy);

    const served = serve({ ...first.line, behind: [job("longer", 2, 200)] }, pool, easy);

    expect(served.line.head).toEqual(first.line.head);
    expect(served.started).toEqual([]);
  });

  test("what never fits leaves the line and blocks nobody", () => {
    const behind = [
      job("absurd", 11, 1),
      job("head", 5, 10),
      job("absurd behind", 11, 1),
      job("small", 1, 1),
    ];

    const served = serve({ head: null, behind }, poolWithFourFree(), easy);

    expect(names(served.neverFits)).toEqual(["absurd", "absurd behind"]);
    expect(names(served.started)).toEqual(["small"]);
    expect(served.line.behind).toEqual([]);
  });

  test("held-back work reserves nothing and is passed over", () => {
    const behind = [job("held", 9, 10), job("head", 5, 10), job("held behind", 1, 1), job("small", 1, 1)];
    const reserved: string[] = [];
    const room = withHeldBack(poolWithFourFree(), reserved);

    const served = serve({ head: null, behind }, room, easy);

    expect(names(served.heldBack)).toEqual(["held", "held behind"]);
    expect(reserved).toEqual(["head"]);
    expect(names(served.started)).toEqual(["small"]);
    expect(served.line.behind).toEqual([]);
  });

  test("a head of which nobody knows when it fits still blocks, and what fits beside it starts", () => {
    const wide = job("head", 8, 10);
    const room: Room<Job> = {
      start: () => "no-room",
      reserve: () => null,
      startBeside: ({ name }) => (name === "elsewhere" ? "started" : "no-room"),
    };

    const served = serve(
      { head: null, behind: [wide, job("in its way", 1, 1), job("elsewhere", 1, 1)] },
      room,
      easy,
    );

    expect(served.line.head).toEqual({ job: wide, startsAt: null });
    expect(names(served.started)).toEqual(["elsewhere"]);
    expect(names(served.line.behind)).toEqual(["in its way"]);
  });
});

function withHeldBack(pool: ProcessorPool<Job>, reserved: string[]): Room<Job> {
  const unlessHeld = (job: Job, start: () => Start): Start =>
    job.name.startsWith("held") ? "held-back" : start();
  return {
    start: (job) => unlessHeld(job, () => pool.start(job)),
    startBeside: (job) => unlessHeld(job, () => pool.startBeside(job)),
    reserve: (head) => {
      reserved.push(head.name);
      return pool.reserve(head);
    },
  };
}

describe("over a whole log", () => {
  const PROCESSORS = 8;
  const anyLog = fc
    .array(
      fc.record({
        gap: fc.integer({ min: 0, max: 6 }),
        processors: fc.integer({ min: 1, max: PROCESSORS }),
        runSeconds: fc.integer({ min: 1, max: 30 }),
      }),
      { minLength: 1, maxLength: 60 },
    )
    .map((drawn) => {
      let submittedAt = 0;
      return drawn.map(({ gap, ...rest }) => ({ ...rest, submittedAt: (submittedAt += gap) }));
    });
  const shortest = (behind: readonly LoggedJob[]) =>
    behind.toSorted((a, b) => a.runSeconds - b.runSeconds || a.submittedAt - b.submittedAt);

  /** Notes for each head that blocked when it would start if nothing more were started. */
  class WitnessedPool extends ProcessorPool<LoggedJob> {
    readonly undisturbed = new Map<LoggedJob, number>();
    readonly promised = new Map<LoggedJob, number | null>();
    backfilled = 0;

    override reserve(head: LoggedJob): number | null {
      const ends = this.running.map(({ endsAt }) => endsAt);
      const freeAt = (time: number) =>
        this.running
          .filter(({ endsAt }) => endsAt <= time)
          .reduce((free, { processors }) => free + processors, this.free);
      this.undisturbed.set(head, Math.min(...ends.filter((time) => freeAt(time) >= head.processors)));
      const promised = super.reserve(head);
      this.promised.set(head, promised);
      return promised;
    }

    override startBeside(job: LoggedJob): Start {
      const start = super.startBeside(job);
      this.backfilled += Number(start === "started");
      return start;
    }
  }

  test.each([
    { order: "first come", inOrder: asTheyCome<LoggedJob> },
    { order: "shortest", inOrder: shortest },
  ])("the head is never delayed by backfill, with $order first", ({ inOrder }) => {
    let blocked = 0;
    let backfilled = 0;
    fc.assert(
      fc.property(anyLog, (jobs) => {
        const pool = new WitnessedPool({ processors: PROCESSORS, now: 0 });

        const startedAt = replay(jobs, pool, { inOrder, inBackfillOrder: asTheyCome });

        const heads = [...pool.undisturbed.keys()];
        expect(heads.map((head) => startedAt.get(head))).toEqual([...pool.undisturbed.values()]);
        expect([...pool.promised.values()]).toEqual([...pool.undisturbed.values()]);
        blocked += heads.length;
        backfilled += pool.backfilled;
      }),
    );
    expect(blocked).toBeGreaterThan(0);
    expect(backfilled).toBeGreaterThan(0);
  });

  test.each([{ inBackfillOrder: null }, { inBackfillOrder: asTheyCome<LoggedJob> }])(
    "every job starts once, none before it arrives, and never more than there are processors",
    ({ inBackfillOrder }) => {
      fc.assert(
        fc.property(anyLog, (jobs) => {
          const pool = new ProcessorPool<LoggedJob>({ processors: PROCESSORS, now: 0 });

          const startedAt = replay(jobs, pool, { inOrder: shortest, inBackfillOrder });

          expect(startedAt.size).toBe(jobs.length);
          for (const [job, at] of startedAt) {
            expect(at).toBeGreaterThanOrEqual(job.submittedAt);
            const beside = jobs.filter((other) => {
              const from = startedAt.get(other) ?? Infinity;
              return from <= at && at < from + other.runSeconds;
            });
            expect(beside.reduce((sum, { processors }) => sum + processors, 0)).toBeLessThanOrEqual(
              PROCESSORS,
            );
          }
        }),
      );
    },
  );
});
