/** What a workload made of its cards, for whoever may read it: for the time for which it held each, and nothing beyond. */
import { createRoute, z } from "@hono/zod-openapi";
import { overlap, ownTime, type Stretch } from "../../core/hosts/history/gpu-series.ts";
import { type HeldCard, heldCards } from "../../store/workloads/instances/held-cards.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { requestedStretch, GpuHistoryAnswer, historyAnswer, historyQuery } from "./history-answer.ts";
import { forCustomers, ok, WorkloadIdPath } from "../request/route.ts";
import { Rank, type RoutedKind, workloadFor } from "../workloads/routed-kind.ts";

/** The series of one answer: of gangs and of what was restarted often there may be more. */
const MAX_SERIES = 32;

const historyOf = ({ path, many }: RoutedKind) =>
  createRoute({
    ...forCustomers,
    method: "get",
    path: `/${path}/{id}/history`,
    tags: [many],
    summary: "How busy, full and warm its GPUs were and what they drew, of ended runs too",
    description: `One series for each time it held a GPU, the latest first, ${MAX_SERIES} at most. Only whole five minutes of that time are listed, which leaves out a few at its beginning and end. Of a shared GPU they are the whole card's. Without from of the last day; of more than three days in points of an hour.`,
    request: { params: WorkloadIdPath, query: z.strictObject({ ...historyQuery, rank: Rank.optional() }) },
    responses: ok("Its points", GpuHistoryAnswer),
  });

export function registerWorkloadHistory(api: ApiApp, { db, now }: ApiDeps, routed: RoutedKind): void {
  const { kind } = routed;
  api.openapi(historyOf(routed), async (c) => {
    const { id } = await workloadFor(c, routed, c.req.valid("param").id, "read-workload");
    const { rank = null, ...query } = c.req.valid("query");
    const requested = await requestedStretch(db, query, now());
    const held = await heldCards(
      db,
      { kind, id },
      { from: new Date(requested.fromMs), to: new Date(requested.toMs), rank, limit: MAX_SERIES },
    );
    const cards = held.cards.flatMap((card) => {
      const stretch = overlap(requested, heldTime(card, requested));
      return stretch === null ? [] : [{ uuid: card.uuid, rank: card.rank, stretch }];
    });
    const leftOut = held.count - held.cards.length;
    return c.json(await historyAnswer(db, { requested, cards, leftOut }), 200);
  });
}

function heldTime({ allocated_at, released_at }: HeldCard, requested: Stretch): Stretch {
  return ownTime({ fromMs: allocated_at.getTime(), toMs: released_at?.getTime() ?? requested.toMs });
}
