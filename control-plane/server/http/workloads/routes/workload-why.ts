/** Why a workload waits, whatever its kind: host by host, its turn, and what would start it now. */
import { createRoute, z } from "@hono/zod-openapi";
import { asPhrase } from "@remotegpu/shared/values/sentence";
import { inEnglish } from "../../../core/reasons/english/english.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { fetchEndReason } from "../../../core/hosts/images/image-fetch.ts";
import { FleetState } from "../../../core/placement/fleet/fleet-state.ts";
import { hostReasons, obstaclesReason } from "../../../core/placement/placement.ts";
import { rulesOf } from "../../../core/workloads/kinds.ts";
import { queueStateOf } from "../../../core/queue/pass-plan.ts";
import { prepareQueue, queueOrder } from "../../../core/queue/queue.ts";
import { sharesOfWaiting } from "../../../core/queue/shares-of-waiting.ts";
import { suggestions } from "../../../core/queue/suggestions.ts";
import type { Connection } from "../../../store/database/database.ts";
import { instancesOf } from "../../../store/workloads/instances/instances.ts";
import { type FetchOfWorkload, fetchesOfWorkload } from "../../../store/workloads/image-fetches.ts";
import { guessesAtPassword } from "../../../store/leases/lease-views.ts";
import { gpuFaultsOf } from "../../../store/reports/runs/gpu-faults.ts";
import type { ApiApp, ApiContext } from "../../deps.ts";
import { REASON_FIELDS, reasonAnswer, statusReasonOf, storedReason } from "../../request/reason-answer.ts";
import { forCustomers, ok, Timestamp, WorkloadIdPath } from "../../request/route.ts";
import { ShareAnswer, shareAnswer } from "../share-answer.ts";
import { SuggestionAnswer, suggestionAnswer } from "../suggestion-answer.ts";
import { type RoutedKind, workloadFor, type WorkloadState } from "../routed-kind.ts";
import {
  type PassCache,
  passInputs,
  type ScheduledOrder,
} from "../../../store/placement/inputs/pass-inputs.ts";
import { faultReason } from "../../../core/hosts/card-fault.ts";

const MOST_GPU_FAULTS = 8;
const FITS: Reason = { code: "host-fits", params: {} };

export const WhyHost = z
  .object({
    host_id: z.string(),
    host_name: z.string(),
    /** True where one instance would fit now. */
    fits: z.boolean().describe("True where one instance would fit now"),
    reason: z.string().openapi({ description: "The obstacle, in a sentence", example: "1 of 2 GPUs free" }),
    ...REASON_FIELDS,
    obstacles: z.array(z.string()).openapi({
      description: "The same, each thing in one word",
      example: ["gpu"],
    }),
  })
  .openapi("WhyHost");

const Why = z
  .object({
    status: z.string(),
    reason: z.string().nullable().openapi({
      description: "Why it stands there",
      example: "waits for a free GPU",
    }),
    ...REASON_FIELDS,
    /** 1 for the next in line; null when it does not wait. */
    position: z.int().nullable().openapi({
      description: "1 for the next in line; null when it does not wait",
      example: 3,
    }),
    share: ShareAnswer.nullable(),
    hosts: z.array(WhyHost).describe("Each host, and why the order is not there"),
    image_fetches: z
      .array(
        z.object({
          host_id: z.string(),
          host_name: z.string(),
          image: z.string().openapi({ description: "What is fetched", example: "ghcr.io/ada/train:2" }),
          since: Timestamp.describe("When that began"),
          ended_at: Timestamp.nullable().describe("When that ended; null while it goes on"),
          outcome: z
            .enum(["present", "failed", "not-wanted", "not-allowed", "not-begun", "host-away"])
            .nullable()
            .describe("How it ended; null while it goes on"),
          reason: z.string().nullable().openapi({
            description: "How it ended, in words",
            example: "The registry refused.",
          }),
          ...REASON_FIELDS,
        }),
      )
      .openapi({
        description:
          "Hosts that fetch its image while it holds nothing there, the newest first; one that ended stays listed for some minutes",
      }),
    gpu_faults: z
      .array(
        z.object({
          at: Timestamp,
          code: z.string().openapi({ description: "The stable name of the error", example: "xid-31" }),
          rank: z.int().openapi({ description: "The rank of the instance whose program it was", example: 0 }),
          reason: z.string().openapi({
            description: "What happened, as a sentence",
            example: "Your program touched GPU memory that is not its own (Xid 31).",
          }),
          ...REASON_FIELDS,
        }),
      )
      .openapi({
        description:
          "Errors that its program made on a GPU, of its latest runs, the newest first; the GPU is well",
      }),
    suggestions: z.array(SuggestionAnswer).openapi({ description: "Each alone would start it now" }),
  })
  .openapi("Why");
export type Why = z.infer<typeof Why>;

const why = ({ path, many }: RoutedKind) =>
  createRoute({
    ...forCustomers,
    method: "get",
    path: `/${path}/{id}/why`,
    tags: [many],
    summary: "Why it waits, host by host, and what would start it now; of a running one, where it runs",
    request: { params: WorkloadIdPath },
    responses: ok("The reasons", Why),
  });

/** What answers are made of, beside the workload: the kinds of what else waits, and what is kept for passes. */
interface Beside {
  kinds: readonly RoutedKind[];
  cache: PassCache;
}

export function registerWorkloadWhy(api: ApiApp, routed: RoutedKind, beside: Beside): void {
  api.openapi(why(routed), async (c) => {
    const workload = await workloadFor(c, routed, c.req.valid("param").id, "read-workload");
    return c.json(await whyOf(c, { routed, workload }, beside), 200);
  });
}

async function whyOf(
  c: ApiContext,
  { routed, workload }: { routed: RoutedKind; workload: WorkloadState },
  { kinds, cache }: Beside,
): Promise<z.input<typeof Why>> {
  const { db, now } = c.var.deps;
  const stands = {
    status: workload.status,
    ...(statusReasonOf(workload) ?? reasonAnswer(await runningReason(db, routed, workload))),
  };
  const fetches = (await fetchesOfWorkload(db, { kind: routed.kind, id: workload.id })).map(fetchAnswer);
  const faults = await gpuFaultsOf(db, { kind: routed.kind, id: workload.id }, MOST_GPU_FAULTS);
  const nothing = {
    ...stands,
    position: null,
    share: null,
    hosts: [],
    image_fetches: fetches,
    gpu_faults: faults.map(({ reported_at: at, code, rank, reason: why, ...row }) => ({
      at: at.toISOString(),
      code,
      rank,
      reason: why,
      ...storedReason(why, row),
    })),
    suggestions: [],
  };
  // Of a service that runs a replica may wait.
  if (workload.status !== "queued" && !rulesOf(routed.kind).hasManyStarts) return nothing;
  const at = now();
  const scene = await passInputs(db, { now: at, seed: 0, cache, work: "all" });
  const place = placeIn(scene, { ...routed, id: workload.id, at });
  if (place === null) return nothing;
  const { order, position, hosts, share, found } = place;
  return {
    ...nothing,
    // What hosts tell of a pull moves on between two passes of the scheduler.
    ...(order.awaits === null ? {} : reasonAnswer(order.heldBack)),
    position,
    share: shareAnswer(share),
    hosts,
    suggestions: await Promise.all(found.map((one) => suggestionAnswer(c, one, kinds))),
  };
}

/** Where in the line it stands, and what keeps it from each host; null where it does not wait. */
export function placeIn(
  scene: Awaited<ReturnType<typeof passInputs>>,
  { kind, id, endsByItself, at }: Pick<RoutedKind, "kind" | "endsByItself"> & { id: string; at: Date },
) {
  const state = queueStateOf(scene);
  const prepared = prepareQueue(scene.orders, state);
  const line = [...queueOrder(prepared, state)];
  // Of several starts the first in the line is told of.
  const ahead = line.findIndex(({ start }) => start.kind === kind && start.id === id);
  const order = line[ahead];
  if (order === undefined) return null;
  return {
    order,
    position: ahead + 1,
    hosts: hostAnswers(new FleetState(scene.fleet), order, at),
    share: sharesOfWaiting(scene.orders, state).get(order.payer),
    found: suggestions({ ...scene, prepared }, order, {
      otherModels: order.otherModels,
      mayLimit: endsByItself,
    }),
  };
}

function fetchAnswer(fetch: FetchOfWorkload): z.input<typeof Why>["image_fetches"][number] {
  const { hostId, hostName, image, since, endedAt, end } = fetch;
  return {
    host_id: hostId,
    host_name: hostName,
    image,
    since: since.toISOString(),
    ended_at: endedAt?.toISOString() ?? null,
    outcome: end?.outcome ?? null,
    ...reasonAnswer(end === null ? null : fetchEndReason(hostName, end)),
  };
}

/** A status that needs no reason still deserves an answer. */
async function runningReason(
  sql: Connection,
  { kind }: RoutedKind,
  { id, status, host_id: hostId, host_name: hostName }: WorkloadState,
): Promise<Reason | null> {
  if (status !== "running") return null;
  const instances = (await instancesOf(sql, kind, [id])).get(id) ?? [];
  const left = instances.filter(({ want }) => want === "running");
  const faults = left.flatMap(({ gpus }) => gpus.flatMap(({ fault }) => fault ?? []));
  const names = new Set(hostId == null ? left.map(({ host_name: name }) => name) : [hostName ?? hostId]);
  const guesses = await guessesAtPassword(sql, id);
  return joined([
    ...(names.size === 0 ? [] : [runsOn([...names])]),
    ...faults.map(faultReason),
    ...(guesses === null ? [] : [guesses]),
  ]);
}

function runsOn(names: readonly string[]): Reason {
  return { code: "runs-on-hosts", params: { host_count: names.length, hosts: { names, more: 0 } } };
}

function joined(reasons: readonly Reason[]): Reason | null {
  const [only = null] = reasons;
  return reasons.length > 1 ? { code: "several", params: { reasons } } : only;
}

function hostAnswers(
  state: FleetState,
  { request }: ScheduledOrder,
  now: Date,
): z.input<typeof Why>["hosts"] {
  const reasons = new Map(
    hostReasons(state, request, { now: now.getTime() }).map((reason) => [reason.hostId, reason.obstacles]),
  );
  return state.hosts.map((host) => {
    const found = reasons.get(host.id) ?? [];
    const obstacles = found.map((reason) => asPhrase(inEnglish(reason)));
    return {
      host_id: host.id,
      host_name: host.name,
      fits: obstacles.length === 0,
      ...reasonAnswer(found.length === 0 ? FITS : obstaclesReason(found)),
      reason: obstacles.length === 0 ? inEnglish(FITS) : obstacles.join("; "),
      obstacles,
    };
  });
}
