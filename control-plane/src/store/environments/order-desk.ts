/**
 * Takes first orders as they come and writes together those that came while the last ones were being written: a calm
 * day's are written one by one at once, a rush by fewer and larger transactions, and nobody waits for a timer.
 */
import { type ChangeWitness, presentWitness, unwitnessed } from "../change-witness.ts";
import { type Database, isUndone, transaction } from "../database.ts";
import { type FirstOrder, type FirstOrderOutcome, orderEnvironments } from "./new-environments.ts";

/** Of one transaction: it holds the accounts of all who pay. */
const MAX_TOGETHER = 128;

interface Waiting {
  order: FirstOrder;
  witness: ChangeWitness | undefined;
  done: (outcome: FirstOrderOutcome | Promise<FirstOrderOutcome>) => void;
}

class OrderDesk {
  readonly #db: Database;
  #waiting: Waiting[] = [];
  #isServing = false;

  constructor(db: Database) {
    this.#db = db;
  }

  async take(order: FirstOrder): Promise<FirstOrderOutcome> {
    const witness = presentWitness();
    const outcome = new Promise<FirstOrderOutcome>((done) => this.#waiting.push({ order, witness, done }));
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
      for (const [index, { done }] of ones.entries()) done(outcomes[index] as FirstOrderOutcome);
    } catch (error) {
      const isOneAtFault = ones.length > 1 && isUndone(error);
      for (const one of ones) one.done(isOneAtFault ? this.#writeAlone(one) : Promise.reject(error));
    }
  }

  async #writeAlone(one: Waiting): Promise<FirstOrderOutcome> {
    const [outcome] = await this.#write([one]);
    return outcome as FirstOrderOutcome;
  }

  async #write(ones: Waiting[]): Promise<FirstOrderOutcome[]> {
    const { outcomes, witnesses } = await transaction(this.#db, async (sql) => {
      const outcomes = await orderEnvironments(
        sql,
        ones.map(({ order }) => order),
      );
      const witnesses = ones.flatMap(({ order, witness }, index) => {
        if (witness === undefined || outcomes[index]?.done !== true) return [];
        witness.made(order.order.id);
        return [witness];
      });
      await witnesses[0]?.seal(sql, witnesses);
      return { outcomes, witnesses };
    });
    for (const witness of witnesses) witness.committed();
    return outcomes;
  }
}

const desks = new WeakMap<Database, OrderDesk>();

/** One order's outcome, once it is committed. */
export async function takeOrder(db: Database, order: FirstOrder): Promise<FirstOrderOutcome> {
  const desk = desks.get(db) ?? new OrderDesk(db);
  desks.set(db, desk);
  return await desk.take(order);
}
