/**
 * How many attempts that changed nothing the audit log gets of one actor: the first of each minute one by one, the rest
 * as one number for the minute. An actor is an account and not one of its keys, of which it makes as many as it likes.
 * Whoever sent no key that is known has no row of their own at all: they are counted together. So a flood fills no
 * table, and still its size is known.
 */

/** The bound of one actor in one minute. */
const MAX_ROWS = 20;
/** More actors than this at once are counted as one. */
const MAX_ACTORS = 10_000;
const MS_PER_MINUTE = 60_000;

interface Minute<Actor> {
  actor: Actor | null;
  beganAtMs: number;
  rows: number;
  counted: number;
}

export interface Counted<Actor> {
  /** Null: whoever had no known key. */
  actor: Actor | null;
  minute: Date;
  attempts: number;
}

/** `id` tells actors apart; null is for whoever has no known key. */
export class AttemptBound<Actor> {
  readonly #minutes = new Map<number | null, Minute<Actor>>();
  #ended: Counted<Actor>[] = [];

  /** True where this attempt gets a row of its own; else it is counted. */
  admits(id: number | null, actor: Actor | null, now: Date): boolean {
    const minute = this.#minuteOf(id, actor, now);
    if (minute.actor !== null && minute.rows < MAX_ROWS) {
      minute.rows += 1;
      return true;
    }
    minute.counted += 1;
    return false;
  }

  /** Counts an attempt whose row could not be written. */
  count(id: number | null, actor: Actor | null, now: Date): void {
    this.#minuteOf(id, actor, now).counted += 1;
  }

  /** What was counted in minutes that are over, each handed out once; with `all`, in the present one, too. */
  takeCounted(now: Date, { all = false } = {}): Counted<Actor>[] {
    for (const [id, minute] of this.#minutes)
      if (all || isOver(minute, now)) {
        this.#minutes.delete(id);
        this.#end(minute);
      }
    const taken = this.#ended;
    this.#ended = [];
    return taken;
  }

  /** They could not be written down. */
  giveBack(counted: readonly Counted<Actor>[]): void {
    this.#ended.push(...counted);
  }

  #minuteOf(id: number | null, actor: Actor | null, now: Date): Minute<Actor> {
    const isOneTooMany = !this.#minutes.has(id) && this.#minutes.size >= MAX_ACTORS;
    const [key, who] = isOneTooMany || actor === null ? [null, null] : [id, actor];
    const known = this.#minutes.get(key);
    if (known !== undefined && !isOver(known, now)) return known;
    if (known !== undefined) this.#end(known);
    const beganAtMs = Math.floor(now.getTime() / MS_PER_MINUTE) * MS_PER_MINUTE;
    const begun = { actor: who, beganAtMs, rows: 0, counted: 0 };
    this.#minutes.set(key, begun);
    return begun;
  }

  #end({ actor, beganAtMs, counted }: Minute<Actor>): void {
    if (counted > 0) this.#ended.push({ actor, minute: new Date(beganAtMs), attempts: counted });
  }
}

function isOver({ beganAtMs }: { beganAtMs: number }, now: Date): boolean {
  return now.getTime() >= beganAtMs + MS_PER_MINUTE;
}
