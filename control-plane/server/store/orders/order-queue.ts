/** The desk of first orders: those that come together are written with one transaction, and their answers with them. */
import type { AuditScope } from "../database/audit-scope.ts";
import { type Database, isUndone, type Transaction, transaction } from "../database/database.ts";
import { StandbyMissingError } from "../database/confirmation.ts";
import { BatchQueue } from "../database/batch-queue.ts";
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

/** The orders of one transaction: it holds the accounts of all who pay. */
const MAX_TOGETHER = 128;

/** An order with an Idempotency-Key: its answer is kept in the transaction that writes it. */
export interface KeyedOrder<Made> {
  request: KeyedRequest;
  answer: (made: Made) => SealedAnswer;
}

type Keyed = KeyedOrder<EnvironmentRow>;

interface OrderRequest {
  readonly order: FirstOrder;
  /** The request's that the order is of. */
  readonly auditScope: AuditScope | undefined;
  readonly keyed: Keyed | null;
}

/**
 * One order's outcome, once it is committed.
 * @throws KeyInUseError
 */
export type TakeOrder = (
  order: FirstOrder,
  of?: { keyed?: Keyed | null; auditScope?: AuditScope | undefined },
) => Promise<FirstOrderOutcome>;

/** @param db what is written together is not one request's alone: a handle in no audit scope */
export function orderQueue(db: Database): TakeOrder {
  const batchQueue = new BatchQueue<OrderRequest, FirstOrderOutcome>({
    atATime: 1,
    next: (waiting) => [...waiting].slice(0, MAX_TOGETHER),
    answer: async (ones) => await write(db, ones),
    // Not where it may have come through: then nobody knows, and everyone is told so.
    isOneAtFault: (error) =>
      (isUndone(error) && !(error instanceof StandbyMissingError)) || error instanceof KeyInUseError,
  });
  return async (order, { keyed = null, auditScope } = {}) =>
    await batchQueue.take({ order, auditScope, keyed });
}

async function write(
  db: Database,
  ones: readonly OrderRequest[],
): Promise<(FirstOrderOutcome | Promise<FirstOrderOutcome>)[]> {
  const { outcomes, auditScopes } = await transaction(db, async (sql) => await writeOnce(sql, ones), {
    endsDeadWithinMs: KEY_FREE_WITHIN_MS,
    acknowledges: true,
  });
  for (const auditScope of auditScopes) auditScope.committed();
  return ones.map((one) => outcomes.get(one) ?? Promise.reject(inUse()));
}

function inUse(): KeyInUseError {
  return new KeyInUseError("another request with this key is in progress");
}

interface Written {
  outcomes: Map<OrderRequest, FirstOrderOutcome>;
  /** The audit scopes of those that were done, notified when it is committed. */
  auditScopes: AuditScope[];
}

/** Without those whose key another request holds. */
async function writeOnce(sql: Transaction, ones: readonly OrderRequest[]): Promise<Written> {
  const requests = ones.flatMap(({ keyed }) => keyed?.request ?? []);
  const held = requests.length === 0 ? [] : await holdKeys(sql, requests);
  const taken = new Set(requests.filter((_, index) => held[index] !== true));
  const free = ones.filter(({ keyed }) => keyed === null || !taken.has(keyed.request));
  if (free.length === 0) return { outcomes: new Map(), auditScopes: [] };
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
  const auditScopes = free.flatMap(({ order, auditScope }, index) => {
    if (auditScope === undefined || outcomes[index]?.done !== true) return [];
    auditScope.made(order.order.id);
    return [auditScope];
  });
  await Promise.all([
    answers.length > 0 && keepAnswers(sql, answers),
    auditScopes[0]?.seal(sql, auditScopes),
  ]);
  return {
    outcomes: new Map(free.map((one, index) => [one, outcomes[index] as FirstOrderOutcome])),
    auditScopes,
  };
}
