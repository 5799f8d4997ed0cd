/** What waits for a place, in line order: customers see what they may read, each with its true place in the whole line. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { MIB, MS_PER_SECOND, THOUSANDTHS } from "@remotegpu/shared/values/units";
import { WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";
import { type StartName, startKey } from "../../core/workloads/start.ts";
import { decide, type WorkspaceRole } from "../../core/accounts/access-rights.ts";
import { workspaceRolesOf } from "../../store/accounts/workspaces.ts";
import { type InLine, CachedLine, type OrderLine, stretchOf } from "../../store/overview/order-line.ts";
import { type WaitingName, waitingNames } from "../../store/overview/waiting-names.ts";
import type { PassCache } from "../../store/placement/inputs/pass-inputs.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { opensOrders } from "../request/authentication.ts";
import { REASON_FIELDS, reasonAnswer, reasonCode, reasonParams } from "../request/reason-answer.ts";
import { cursorOf, limitOf, PageQuery, toPage } from "../request/pagination.ts";
import { forCustomers, ok, Timestamp } from "../request/route.ts";
import type { RoutedKind } from "../workloads/routed-kind.ts";
import { ShareAnswer, shareAnswer } from "../workloads/share-answer.ts";
import { suggestionAnswer } from "../workloads/suggestion-answer.ts";

const QueuedOrder = z
  .object({
    position: z.int().openapi({ description: "Its place among all that waits, from 1", example: 3 }),
    kind: z.enum(WORKLOAD_KINDS).openapi({
      description: "environment, training or inference",
      example: "training",
    }),
    id: z.string().openapi({ description: "The workload's id", example: "job-7c1e92d0" }),
    rank: z.int().openapi({ description: "Of a replica of a service its own; 0 of all others", example: 0 }),
    name: z.string().openapi({ description: "What it is called", example: "train" }),
    workspace_id: z.int().nullable().openapi({
      description: "Its workspace; null outside of any",
      example: 12,
    }),
    customer: z.string().nullable().openapi({
      description: "Whose it is; null but for administrators",
      example: "ada",
    }),
    size: z
      .object({
        instances: z.int().openapi({ description: "Instances that start together", example: 2 }),
        gpus: z.int().openapi({ description: "GPUs of each", example: 8 }),
        gpu_model: z.string().nullable().openapi({
          description: "The model that it names; null: any will do",
          example: "NVIDIA A100-SXM4-80GB",
        }),
        cpu: z.number().openapi({ description: "Cores of each", example: 16 }),
        memory: z.int().openapi({ description: "Bytes of memory of each", example: 137_438_953_472 }),
      })
      .openapi("OrderSize"),
    priority: z.int().openapi({
      description: "Among the orders of its workspace: larger is tried first",
      example: 0,
    }),
    queued_at: Timestamp.describe("Since when it waits"),
    waited_seconds: z.int().openapi({ description: "How long that is", example: 340 }),
    reason: z.string().nullable().openapi({
      description: "Why it waits",
      example: "Waiting for 8 free GPUs: the most on one host is 3.",
    }),
    ...REASON_FIELDS,
    share: ShareAnswer.nullable(),
    is_urgent: z.boolean().openapi({
      description: "Whether an administrator put it before all others",
      example: false,
    }),
    would_start: z.string().nullable().openapi({
      description:
        "One change that alone would start it now; null where none would, where it is far behind, and until the queue was read",
      example: "With 4 GPU it would start now.",
    }),
    would_start_code: reasonCode("would-start-with-gpus"),
    would_start_params: reasonParams({ gpus: 4 }),
    may_manage: z.boolean().openapi({
      description: "Whether the requesting key may change or cancel it",
      example: true,
    }),
  })
  .openapi("QueuedOrder");

const QueueAnswer = z
  .object({
    at: Timestamp.describe("When this line was made"),
    items: z.array(QueuedOrder),
    next_cursor: z.string().nullable(),
  })
  .openapi("Queue");

export type Queue = z.infer<typeof QueueAnswer>;

const getQueue = createRoute({
  ...forCustomers,
  method: "get",
  path: "/queue",
  operationId: "listQueue",
  tags: ["queue"],
  summary: "What waits for a place, in the order in which it is tried, with why and what would start it now",
  description:
    "A replica of a service waits by itself. The queue is computed on request, at most each second and less often where it is long: `at` is when.",
  request: { query: PageQuery },
  responses: ok("A page of the line", QueueAnswer),
});

/** Its place when it was seen, and its key, by which it is found again where the line has moved. */
const LineKey = z.tuple([z.literal("queue"), z.int().nonnegative(), text(200)]);

interface Beside {
  kinds: readonly RoutedKind[];
  cache: PassCache;
}

export function registerQueueRoute(api: ApiApp, deps: ApiDeps, { kinds, cache }: Beside): void {
  const storedLine = new CachedLine(deps, cache);

  api.openapi(getQueue, async (c) => {
    const query = c.req.valid("query");
    const after = cursorOf(query, LineKey);
    const { actor } = c.var;
    const roles = actor.isAdmin ? null : await workspaceRolesOf(deps.db, actor.customerId);
    const visibleTo = roles && { customerId: actor.customerId, workspaceIds: [...roles.keys()] };
    const line = await storedLine.recent();
    const from = after === null ? 0 : behind(line, after);
    const limit = limitOf(query);
    const stretch = stretchOf(line, { visibleTo, from, limit });
    const page = toPage(stretch, limit, {
      item: (one) => one,
      key: ({ position, order }) => ["queue", position, order.id],
    });
    const names = await waitingNames(
      deps.db,
      page.items.map(({ order }) => order.start),
    );
    const seen = { names, roles: roles ?? new Map<number, WorkspaceRole>() };
    const items = await queuedOrders(c, { line, cache: storedLine, kinds }, page.items, seen);
    return c.json({ at: line.at.toISOString(), items, next_cursor: page.next_cursor }, 200);
  });
}

/** Where what it was seen behind is gone, those after it have moved up. */
function behind({ places }: OrderLine, [, position, key]: z.output<typeof LineKey>): number {
  const place = places.get(key);
  return place === undefined ? Math.max(0, position - 1) : place + 1;
}

async function queuedOrders(
  c: ApiContext,
  { line, cache, kinds }: { line: OrderLine; cache: CachedLine; kinds: readonly RoutedKind[] },
  visible: readonly InLine[],
  { names, roles }: { names: ReadonlyMap<string, WaitingName>; roles: ReadonlyMap<number, WorkspaceRole> },
): Promise<Queue["items"]> {
  const checked = visible.map((one) => ({ ...one, mayLimit: endsByItself(kinds, one.order.start) }));
  const foreseen = cache.foresee(line, checked);
  const answers: Queue["items"] = [];
  for (const one of visible) {
    const named = names.get(startKey(one.order.start));
    if (named === undefined) continue;
    const found = foreseen.get(one.order.id);
    const suggestion = found == null ? null : await suggestionAnswer(c, found, kinds);
    answers.push({
      ...queuedOrder(one, named, line.at),
      share: shareAnswer(line.shares.get(one.order.payer)),
      customer: c.var.actor.isAdmin ? named.username : null,
      would_start: suggestion?.sentence ?? null,
      would_start_code: suggestion?.sentence_code ?? null,
      would_start_params: suggestion?.sentence_params ?? null,
      may_manage: mayManage(c, named, roles),
    });
  }
  return answers;
}

/** As the routes decide that change one: what is in no workspace is its customer's alone. */
function mayManage(
  c: ApiContext,
  { customer_id: customerId, workspace_id: workspaceId }: WaitingName,
  roles: ReadonlyMap<number, WorkspaceRole>,
): boolean {
  const { isAdmin, customerId: own } = c.var.actor;
  const isOwn = customerId === own;
  const role = roles.get(workspaceId ?? 0) ?? (isOwn ? "owner" : null);
  return opensOrders(c) && decide("manage-workload", { isAdmin, role, isOwn }) === "allowed";
}

function endsByItself(kinds: readonly RoutedKind[], { kind }: StartName): boolean {
  return kinds.some((one) => one.kind === kind && one.endsByItself);
}

/** Those that follow from the order alone. */
type OwnFields = Omit<
  Queue["items"][number],
  "customer" | "share" | "would_start" | "would_start_code" | "would_start_params" | "may_manage"
>;

function queuedOrder(
  { position, order }: InLine,
  { name, workspace_id, reason }: WaitingName,
  at: Date,
): OwnFields {
  const { start, requested, stand, request, heldBack } = order;
  return {
    position,
    kind: start.kind,
    id: start.id,
    rank: start.firstRank,
    name,
    workspace_id,
    size: {
      instances: request.instances,
      gpus: requested.gpus,
      gpu_model: requested.gpuModel,
      cpu: requested.cpuMilli / THOUSANDTHS,
      memory: request.memoryMib * MIB,
    },
    priority: stand.priority,
    is_urgent: stand.isUrgent === true,
    queued_at: new Date(stand.orderedAtMs).toISOString(),
    waited_seconds: Math.max(0, Math.floor((at.getTime() - stand.orderedAtMs) / MS_PER_SECOND)),
    ...reasonAnswer(heldBack ?? reason),
  };
}
