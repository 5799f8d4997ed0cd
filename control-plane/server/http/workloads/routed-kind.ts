/**
 * What a kind of workload says of itself to be listed, read, ordered about and looked into. The routes of this folder are
 * made from it, once for all kinds; the kinds themselves are in http/server/kinds.ts.
 */
import type { z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection, Transaction } from "../../store/database/database.ts";
import type { StatusReasonRow } from "../../store/database/values/reason-columns.ts";
import type { CachedFleet } from "../../store/fleet/cached-fleet.ts";
import type { OrderOutcome } from "../../store/orders/environment-orders.ts";
import type { OrderContext } from "../../store/orders/workload-stops.ts";
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import { listWorkloads, type WorkloadFilter, type WorkloadPage } from "../../store/workloads/pages.ts";
import { type SeenInstance, seenInstances } from "../../store/overview/seen-instances.ts";
import { moneyOfWorkloads, type WorkloadMoney } from "../../store/overview/workload-money.ts";
import type { ApiContext, ApiDeps } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import { authorizeWorkload } from "../request/authorization.ts";
import { queryNumber } from "../request/input-fields.ts";
import { toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { orderContextOf } from "./orders.ts";
import { showsValues } from "./visible-env-vars.ts";
import { workloadThing, type WorkloadNoun } from "./workload-thing.ts";

/** What all kinds tell of themselves. Only environments have a host of their own. */
export interface WorkloadState extends StatusReasonRow {
  id: string;
  customer_id: number;
  workspace_id: number | null;
  status: string;
  host_id?: string | null;
  host_name?: string | null;
}

/** One that was ordered with variables, if any. */
export interface OrderedState extends WorkloadState {
  env_vars: StoredEnvVars | null;
}

interface KindWords {
  kind: WorkloadKind;
  path: "environments" | "training-jobs" | "inference-services";
  /** "There is no … that you can see." */
  what: WorkloadNoun;
  /** The same of several, which is also its part of the documentation. */
  many: string;
  /** The name of its answer's schema, which is also in the names of operations. */
  schema: string;
  summaryOfOne: string;
  /** Several containers at once, which are told apart by their ranks. */
  hasRanks: boolean;
  /** The services of its container, beside its first process, that have an output of their own. */
  services: readonly string[];
  /** It has an end of its own, by which a limit of time may bring it a place sooner. */
  endsByItself: boolean;
  /** What its list is narrowed by, beside whose and where. */
  filters:
    | { status: Filter; name: Filter }
    | { status: Filter; name: Filter; host_id: Filter }
    | { status: Filter; name: Filter; group_id: Filter };
}

type Filter = z.ZodType<string | undefined>;

/** What a list is narrowed by, as people type it: every character stands for itself. */
export const NamePart = text(512).min(1).optional().openapi({
  description: "Only those whose names have this part, in capitals or not",
  example: "tuning",
});

/** Which of a workload's instances is meant. */
export const Rank = queryNumber(9_999);

/** A step of the transaction that holds the row; it answers whose desired sets changed. */
type Order<Locked> = (sql: Transaction, row: Locked, context: OrderContext) => Promise<OrderOutcome>;

/** What an order may need from outside its transaction. */
export interface Means {
  deps: ApiDeps;
  fleet: CachedFleet;
}

/** What is ordered for one that is there. */
interface Orders<Given> {
  /** 202 where what was ordered goes on after the answer; 200 where it is done then. */
  answered: { status: 200 | 202; description: string };
  /** POST …/{id}/{name}: the answer is the workload. */
  verbs: readonly {
    name: string;
    summary: string;
    /** Beyond those that every route may answer. */
    problems?: number[];
    /** The order, once there is what has to be there before its transaction begins. */
    prepare(means: Means): Given | Promise<Given>;
  }[];
  /** DELETE: legal in whatever state it is. */
  deletion: Given | null;
}

/** What is told of a workload beside its row. */
export interface SeenWorkload<Known = unknown> {
  instances: readonly SeenInstance[];
  /** Null where nothing of it ever ran, or the key does not open it. */
  money: WorkloadMoney | null;
  /** What its kind alone looks up; null where there is nothing of it. */
  known: Known | null;
  /** The values of its variables, beside their names. */
  showsValues: boolean;
}

/** The view of a workload that was just ordered. */
export const UNSEEN_WORKLOAD: SeenWorkload<never> = {
  instances: [],
  money: null,
  known: null,
  // Whoever ordered it has them.
  showsValues: true,
};

interface Kind<Row extends OrderedState, Locked, View extends object, Known> extends KindWords {
  Answer: z.ZodType<unknown, View>;
  answer(c: ApiContext, row: Row, seen: SeenWorkload<Known>): View;
  /** By id, of a whole page at once. */
  known?(sql: Connection, ids: readonly string[], now: Date): Promise<Map<string, Known>>;
  byId(sql: Connection, id: string): Promise<Row | null>;
  orders: OrdersOnRow<Locked> | null;
}

interface OrdersOnRow<Locked> extends Orders<Order<Locked>> {
  /** Held to the end of the transaction. */
  lock: (sql: Transaction, id: string) => Promise<Locked | null>;
  /** The order that ends a workload whose payer's data is deleted: nothing of it begins again. */
  ending: Order<Locked>;
}

interface RoutedOrders extends Orders<RoutedOrder> {
  /** Null where it is there no more. */
  ending: (sql: Transaction, id: string, context: OrderContext) => Promise<OrderOutcome | null>;
}

/** With what its place in a list is told by. */
type Listed<Row> = Row & { created_micros: string };

/** An order that finds and locks its row by itself. */
type RoutedOrder = (c: ApiContext, sql: Transaction, id: string) => Promise<OrderOutcome>;

/** A kind as the routes see it: its rows are its own affair. */
export interface RoutedKind<View extends object = object> extends KindWords {
  Answer: z.ZodType;
  byId(sql: Connection, id: string): Promise<WorkloadState | null>;
  /** As it is now. */
  answerOf(c: ApiContext, sql: Connection, id: string): Promise<View>;
  /**
   * The same for whoever may read it.
   * @throws ApiRefusal as workloadFor does
   */
  answerFor(c: ApiContext, id: string): Promise<View>;
  answers(
    c: ApiContext,
    filter: WorkloadFilter,
    page: WorkloadPage,
  ): Promise<{ items: View[]; next_cursor: string | null }>;
  orders: RoutedOrders | null;
}

export function routedKind<Row extends OrderedState, Locked, View extends object, Known = never>(
  reported: Kind<Row, Locked, View, Known>,
): RoutedKind<View> {
  const { kind, what } = reported;
  const answers = async (c: ApiContext, sql: Connection, ids: readonly string[]) => {
    const now = c.var.deps.now();
    const instances = await seenInstances(sql, kind, ids, { now });
    const requested = { kind, ids, at: now };
    const money = showsMoney(c) ? await moneyOfWorkloads(sql, requested) : new Map<string, WorkloadMoney>();
    const known = await reported.known?.(sql, ids, now);
    return (row: Row, { showsValues: isVisible }: { showsValues: boolean }) =>
      reported.answer(c, row, {
        instances: instances.get(row.id) ?? [],
        money: money.get(row.id) ?? null,
        known: known?.get(row.id) ?? null,
        showsValues: isVisible,
      });
  };
  const answer = async (c: ApiContext, sql: Connection, row: Row) =>
    (await answers(c, sql, [row.id]))(row, { showsValues: await showsValues(c, row, { what, sql }) });
  return {
    ...reported,
    async answerOf(c, sql, id) {
      const row = await reported.byId(sql, id);
      if (row === null) throw notFound(workloadThing(what, id));
      return await answer(c, sql, row);
    },
    answerFor: async (c, id) =>
      await answer(c, c.var.deps.db, await workloadFor(c, reported, id, "read-workload")),
    async answers(c, filter, page) {
      const { db } = c.var.deps;
      const rows = await listWorkloads<Row>(db, kind, { filter, page });
      const reported = await answers(
        c,
        db,
        rows.map(({ id }) => id),
      );
      const item = (row: Listed<Row>) => reported(withoutListKey<Row>(row), { showsValues: false });
      return toPage(rows, page.limit, { item, key: (row) => [row.created_micros, row.id] });
    },
    orders: reported.orders && routedOrders(reported.orders, what),
  };
}

function withoutListKey<Row extends object>(row: Listed<Row>): Row {
  const visible: Row & { created_micros?: string } = { ...row };
  delete visible.created_micros;
  return visible;
}

function routedOrders<Locked>(
  { lock, verbs, deletion, ending, ...orders }: OrdersOnRow<Locked>,
  what: WorkloadNoun,
): RoutedOrders {
  const routed =
    (order: Order<Locked>): RoutedOrder =>
    async (c, sql, id) => {
      const row = await lock(sql, id);
      if (row === null) throw notFound(workloadThing(what, id));
      return await order(sql, row, orderContextOf(c));
    };
  return {
    ...orders,
    verbs: verbs.map((verb) => ({ ...verb, prepare: async (means) => routed(await verb.prepare(means)) })),
    deletion: deletion && routed(deletion),
    ending: async (sql, id, context) => {
      const row = await lock(sql, id);
      return row && (await ending(sql, row, context));
    },
  };
}

/**
 * The workload, once the actor may do that with it.
 * @throws ApiRefusal: not-found for strangers, forbidden for members whose role is too small
 */
export async function workloadFor<Row extends WorkloadState>(
  c: ApiContext,
  { byId, what }: { byId: (sql: Connection, id: string) => Promise<Row | null>; what: WorkloadNoun },
  id: string,
  action: "read-workload" | "manage-workload",
): Promise<Row> {
  const row = await byId(c.var.deps.db, id);
  if (row === null) throw notFound(workloadThing(what, id));
  await authorizeWorkload(c, row, { action, thing: workloadThing(what, id) });
  return row;
}
