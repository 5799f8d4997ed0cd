/**
 * Takes first orders as they come and writes together those that came while the last ones were being written: a calm
 * day's are written one by one at once, a rush by fewer and larger transactions, and nobody waits for a timer.
 */
import { type ChangeWitness, presentWitness, unwitnessed } from "../database/change-witness.ts";
import { type Database, isUndone, type Transaction, transaction } from "../database/database.ts";
import {
  holdKeys,
  KEY_FREE_WITHIN_MS,
  keepAnswers,
  type KeyedRequest,
  KeyInUseError,
  type SealedAnswer,
} from "./idempotency.ts";
import type { EnvironmentRow } from "../environments/environments.ts";
import { type FirstOrder, type FirstOrderOutcome, orderEnvironments } from "./new-environments.ts";

/** Of one transaction: it holds the accounts of all who pay. */
const MAX_TOGETHER = 128;

/** An order with an Idempotency-Key: its answer is kept in the transaction that writes it. */
export interface KeyedOrder<Made> {
  request: KeyedRequest;
  answer: (made: Made) => SealedAnswer;
}

type Keyed = KeyedOrder<EnvironmentRow>;

interface Waiting {
  order: FirstOrder;
  witness: ChangeWitness | undefined;
  keyed: Keyed | null;
  done: (outcome: FirstOrderOutcome | Promise<FirstOrderOutcome>) => void;
}

class OrderDesk {
  readonly #db: Database;
  #waiting: Waiting[] = [];
  #isServing = false;

  constructor(db: Database) {
    this.#db = db;
  }

  async take(order: FirstOrder, keyed: Keyed | null): Promise<FirstOrderOutcome> {
    const witness = presentWitness();
    const outcome = new Promise<FirstOrderOutcome>((done) =>
      this.#waiting.push({ order, witness, keyed, done }),
    );
    // What is written together is not one request's alone.
    if (!this.#isServing) void unwitnessed(() => this.#serve());
    return await outcome;
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    // What arrived with the first in the same moment is written with it.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#writeTogether(this.#waiting.splice(0, MAX_TOGETHER));
    this.#isServing = false;
  }

  /**
   * Should the transaction fail, each is written by itself: what is wrong with one is no other one's matter. Not where
   * it may have come through: then nobody knows, and everyone is told so.
   */
  async #writeTogether(ones: Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#write(ones);
      for (const one of ones) one.done(outcomes.get(one) ?? Promise.reject(inUse()));
    } catch (error) {
      const isOneAtFault = ones.length > 1 && (isUndone(error) || error instanceof KeyInUseError);
      for (const one of ones) one.done(isOneAtFault ? this.#writeAlone(one) : Promise.reject(error));
    }
  }

  async #writeAlone(one: Waiting): Promise<FirstOrderOutcome> {
    const outcome = (await this.#write([one])).get(one);
    if (outcome === undefined) throw inUse();
    return outcome;
  }

  async #write(ones: Waiting[]): Promise<Map<Waiting, FirstOrderOutcome>> {
    const { outcomes, witnesses } = await transaction(this.#db, async (sql) => await writeOnce(sql, ones), {
      endsDeadWithinMs: KEY_FREE_WITHIN_MS,
    });
    for (const witness of witnesses) witness.committed();
    return outcomes;
  }
}

function inUse(): KeyInUseError {
  return new KeyInUseError("another request with this key is under way");
}

interface Written {
  outcomes: Map<Waiting, FirstOrderOutcome>;
  /** Of those that were done, to be told when it is committed. */
  witnesses: ChangeWitness[];
}

/** Without those whose key another request holds. */
async function writeOnce(sql: Transaction, ones: Waiting[]): Promise<Written> {
  const requests = ones.flatMap(({ keyed }) => keyed?.request ?? []);
  const held = requests.length === 0 ? [] : await holdKeys(sql, requests);
  const taken = new Set(requests.filter((_, index) => held[index] !== true));
  const free = ones.filter(({ keyed }) => keyed === null || !taken.has(keyed.request));
  if (free.length === 0) return { outcomes: new Map(), witnesses: [] };
  const outcomes = await orderEnvironments(
    sql,
    free.map(({ order }) => order),
  );
  const answers = free.flatMap(({ keyed }, index) => {
    const outcome = outcomes[index];
    return keyed === null || outcome?.done !== true
      ? []
      : [{ ...keyed.request, ...keyed.answer(outcome.environment) }];
  });
  if (answers.length > 0) await keepAnswers(sql, answers);
  const witnesses = free.flatMap(({ order, witness }, index) => {
    if (witness === undefined || outcomes[index]?.done !== true) return [];
    witness.made(order.order.id);
    return [witness];
  });
  await witnesses[0]?.seal(sql, witnesses);
  return {
    outcomes: new Map(free.map((one, index) => [one, outcomes[index] as FirstOrderOutcome])),
    witnesses,
  };
}

const desks = new WeakMap<Database, OrderDesk>();

/**
 * One order's outcome, once it is committed.
 * @throws KeyInUseError
 */
export async function takeOrder(
  db: Database,
  order: FirstOrder,
  keyed: Keyed | null = null,
): Promise<FirstOrderOutcome> {
  const desk = desks.get(db) ?? new OrderDesk(db);
  desks.set(db, desk);
  return await desk.take(order, keyed);
}
