/**
 * Takes asks as they come and answers together those that came while the last ones were being answered: in calm each is
 * answered at once, in a rush by fewer and larger transactions, and nobody waits for a timer. What the asks are, which of
 * them go together and what becomes of a failure its rules say; it knows no table.
 */

export interface DeskRules<Ask extends object, Answer> {
  /** So many transactions at a time: one that waits for somebody's lock does not keep those that come after it. */
  readonly atATime: number;
  /**
   * Those that are answered next, in the order in which they came; none where each has to wait for one that is under way.
   */
  next(waiting: Iterable<Ask>, underWay: Iterable<Ask>): readonly Ask[];
  /** Answers in the order of the asks. One that is still to come keeps nobody else. */
  answer(asks: readonly Ask[]): Promise<readonly (Answer | Promise<Answer>)[]>;
  /** Whether asks that failed together are answered each by itself: what is wrong with one is no other one's matter. */
  isOneAtFault(error: unknown): boolean;
}

type Done<Answer> = (answer: Answer | Promise<Answer>) => void;

export class Desk<Ask extends object, Answer> {
  readonly #rules: DeskRules<Ask, Answer>;
  readonly #waiting = new Map<Ask, Done<Answer>>();
  readonly #pending = new Set<Ask>();
  #serving = 0;

  constructor(rules: DeskRules<Ask, Answer>) {
    this.#rules = rules;
  }

  /** Resolves once it is committed. Each ask is an object of its own. */
  async take(ask: Ask): Promise<Answer> {
    const answer = new Promise<Answer>((done) => this.#waiting.set(ask, done));
    this.#wake();
    return await answer;
  }

  #wake(): void {
    if (this.#serving < this.#rules.atATime) void this.#serve();
  }

  async #serve(): Promise<void> {
    this.#serving += 1;
    // What arrived with the first in the same moment is answered with it.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    for (let next = this.#next(); next.size > 0; next = this.#next()) await this.#answer(next);
    this.#serving -= 1;
  }

  #next(): Map<Ask, Done<Answer>> {
    const next = new Map<Ask, Done<Answer>>();
    for (const ask of this.#rules.next(this.#waiting.keys(), this.#pending)) {
      const done = this.#waiting.get(ask);
      if (done !== undefined) next.set(ask, done);
    }
    for (const ask of next.keys()) this.#waiting.delete(ask);
    return next;
  }

  async #answer(ones: ReadonlyMap<Ask, Done<Answer>>): Promise<void> {
    const asks = [...ones.keys()];
    for (const ask of asks) this.#pending.add(ask);
    try {
      const answers = await this.#rules.answer(asks);
      for (const [index, done] of [...ones.values()].entries()) done(answers[index] ?? missing());
    } catch (error) {
      if (ones.size > 1 && this.#rules.isOneAtFault(error)) return this.#answerApart(ones);
      for (const done of ones.values()) done(Promise.reject(error));
    }
    for (const ask of asks) this.#pending.delete(ask);
  }

  /** The others are answered meanwhile. */
  #answerApart(ones: ReadonlyMap<Ask, Done<Answer>>): void {
    for (const one of ones) void this.#answer(new Map([one])).then(() => this.#wake());
  }
}

function missing(): Promise<never> {
  return Promise.reject(new Error("an ask has no answer"));
}
