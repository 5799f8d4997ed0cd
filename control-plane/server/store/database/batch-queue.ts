/**
 * Takes asks as they come and answers together those that came while the last ones were being answered: in calm each is
 * answered at once, in a rush by fewer and larger transactions, and nobody waits for a timer. What the asks are, which of
 * them go together and what becomes of a failure its rules say; it knows no table.
 */
import { currentTrace, inTrace, nextStep } from "@remotegpu/shared/tracing/current-trace";
import type { TraceContext } from "@remotegpu/shared/tracing/trace-context";

export interface BatchQueueRules<Request extends object, Answer> {
  /** So many transactions at a time: one that waits for somebody's lock does not keep those that come after it. */
  readonly atATime: number;
  /**
   * Those that are answered next, in the order in which they came; none where each has to wait for one that is under way.
   */
  next(waiting: Iterable<Request>, pending: Iterable<Request>): readonly Request[];
  /** Answers in the order of the asks. One that is still to come keeps nobody else. */
  answer(requests: readonly Request[]): Promise<readonly (Answer | Promise<Answer>)[]>;
  /** Whether asks that failed together are answered each by itself: what is wrong with one is no other one's matter. */
  isOneAtFault(error: unknown): boolean;
}

interface Waiting<Answer> {
  readonly done: (answer: Answer | Promise<Answer>) => void;
  /** In which it was requested. */
  readonly trace: TraceContext | null;
}

export class BatchQueue<Request extends object, Answer> {
  readonly #rules: BatchQueueRules<Request, Answer>;
  readonly #waiting = new Map<Request, Waiting<Answer>>();
  readonly #pending = new Set<Request>();
  #serving = 0;

  constructor(rules: BatchQueueRules<Request, Answer>) {
    this.#rules = rules;
  }

  /** Resolves once it is committed. Each ask is an object of its own. */
  async take(request: Request): Promise<Answer> {
    const trace = currentTrace();
    const answer = new Promise<Answer>((done) => this.#waiting.set(request, { done, trace }));
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

  #next(): Map<Request, Waiting<Answer>> {
    const next = new Map<Request, Waiting<Answer>>();
    for (const request of this.#rules.next(this.#waiting.keys(), this.#pending)) {
      const waiting = this.#waiting.get(request);
      if (waiting !== undefined) next.set(request, waiting);
    }
    for (const request of next.keys()) this.#waiting.delete(request);
    return next;
  }

  async #answer(ones: ReadonlyMap<Request, Waiting<Answer>>): Promise<void> {
    const requests = [...ones.keys()];
    for (const request of requests) this.#pending.add(request);
    try {
      const answers = await inTrace(stepFor([...ones.values()]), () => this.#rules.answer(requests));
      for (const [index, { done }] of [...ones.values()].entries()) done(answers[index] ?? missing());
    } catch (error) {
      if (ones.size > 1 && this.#rules.isOneAtFault(error)) return this.#answerApart(ones);
      for (const { done } of ones.values()) done(Promise.reject(error));
    }
    for (const request of requests) this.#pending.delete(request);
  }

  /** The others are answered meanwhile. */
  #answerApart(ones: ReadonlyMap<Request, Waiting<Answer>>): void {
    for (const one of ones) void this.#answer(new Map([one])).then(() => this.#wake());
  }
}

/** One alone is answered in its own trace; what is done for several is in none of theirs. */
function stepFor<Answer>([first, ...others]: readonly Waiting<Answer>[]): TraceContext {
  return nextStep(first !== undefined && others.length === 0 ? first.trace : null);
}

function missing(): Promise<never> {
  return Promise.reject(new Error("a request has no answer"));
}
