/**
 * Who of the line starts now: a strict head with EASY backfill. The head starts as soon as it fits. While it does not,
 * the room fixes when and where it will, and what cannot delay that may start beside it. Generic over what is filled:
 * the fleet, or the processors of a recorded log. In which order they stand is the queue's to say.
 */

/**
 * What came of an offer. "held-back": it may not start for a reason that is not room (quota, funds, an old container
 * still held); it is passed over and never becomes the head, since nobody knows what it waits for.
 */
export type Start = "started" | "no-room" | "held-back" | "never-fits";

export interface Room<Job> {
  /** Starts it now if it fits. */
  start(job: Job): Start;
  /**
   * For a head that does not fit now: fixes when and where it will, were all that runs to end as promised. Null where
   * nobody can say, because what runs has no limit; the room then keeps the place that comes closest.
   */
  reserve(head: Job): number | null;
  /** Starts it now if it fits and cannot delay what is reserved: it ends before that, or it fits beside. */
  startBeside(job: Job): Start;
}

/** It did not fit when it was tried. `startsAt` is what the room promised, in the room's own time. */
export interface Head<Job> {
  job: Job;
  startsAt: number | null;
}

export interface Line<Job> {
  /** Whoever blocked the line when it was last served, and still has the first right; null to ask the order. */
  head: Head<Job> | null;
  behind: readonly Job[];
}

/**
 * Orders one after the other. After each it is told whether that has a place, or has one kept: whose turn is next may
 * depend on it.
 */
export type InOrder<Job> = Iterator<Job, unknown, boolean | undefined>;

export interface Rules<Job> {
  /** The order in which jobs become the head. Asked once, and only when a new head is needed. */
  inOrder(behind: readonly Job[]): readonly Job[] | InOrder<Job>;
  /**
   * The order in which jobs behind a blocked head are offered what it leaves: as they are in line after it, or another;
   * null to leave that idle.
   */
  inBackfillOrder: "in-line" | ((behind: readonly Job[]) => readonly Job[]) | null;
}

interface Outcomes<Job> {
  /** In the order in which they started. */
  started: Job[];
  heldBack: Job[];
  neverFits: Job[];
}

export interface Served<Job> extends Outcomes<Job> {
  /** Who waits for room; those held back and those that never fit are no part of it. */
  line: Line<Job>;
}

export function serve<Job>(line: Line<Job>, room: Room<Job>, rules: Rules<Job>): Served<Job> {
  const served: Outcomes<Job> = { started: [], heldBack: [], neverFits: [] };
  const { inBackfillOrder } = rules;
  let { head } = line;
  if (head !== null && isSettled(head.job, room.start(head.job), served)) head = null;
  if (head !== null && inBackfillOrder !== "in-line") {
    const behind =
      inBackfillOrder === null ? line.behind : beside(inBackfillOrder(line.behind), room, served);
    return { ...served, line: { head, behind } };
  }
  const requested = rules.inOrder(line.behind);
  const inOrder: InOrder<Job> = "next" in requested ? requested : requested.values();
  let next = inOrder.next();
  while (head === null && next.done !== true) {
    const job = next.value;
    const startedBefore = served.started.length;
    const settled = isSettled(job, room.start(job), served);
    if (!settled) head = { job, startsAt: room.reserve(job) };
    next = inOrder.next(!settled || served.started.length > startedBefore);
  }
  if (head === null) return { ...served, line: { head, behind: [] } };
  const behind: Job[] = [];
  while (next.done !== true) {
    const job = next.value;
    const startedBefore = served.started.length;
    const settled = inBackfillOrder === "in-line" && isSettled(job, room.startBeside(job), served);
    if (!settled) behind.push(job);
    next = inOrder.next(served.started.length > startedBefore);
  }
  if (typeof inBackfillOrder !== "function") return { ...served, line: { head, behind } };
  return { ...served, line: { head, behind: beside(inBackfillOrder(behind), room, served) } };
}

/** Those that are left. */
function beside<Job>(inOrder: readonly Job[], room: Room<Job>, served: Outcomes<Job>): Job[] {
  return inOrder.filter((job) => !isSettled(job, room.startBeside(job), served));
}

/** Files what came of the offer. False: it fits nowhere right now, and goes on waiting. */
function isSettled<Job>(job: Job, outcome: Start, served: Outcomes<Job>): boolean {
  switch (outcome) {
    case "started":
      served.started.push(job);
      return true;
    case "held-back":
      served.heldBack.push(job);
      return true;
    case "never-fits":
      served.neverFits.push(job);
      return true;
    case "no-room":
      return false;
  }
}
