/** How busy, full and warm a card was, for administrators. */
import { createRoute, z } from "@hono/zod-openapi";
import { GpuUuid } from "@remotegpu/shared/values/ids";
import { gpuByUuid } from "../../store/hosts/hosts.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, ok } from "../request/route.ts";
import { requestedStretch, GpuHistoryAnswer, historyAnswer, historyQuery } from "./history-answer.ts";

const get = createRoute({
  ...forAdmins,
  method: "get",
  path: "/gpus/{uuid}/history",
  operationId: "getGpuHistory",
  tags: ["hosts"],
  summary: "How busy, full and warm a GPU was and what it drew, from its host's heartbeats",
  description:
    "Without from the last day, in points of five minutes; of more than three days in points of an hour. Times without a report are listed with nulls. The five minutes that are not over are left out.",
  request: { params: z.object({ uuid: GpuUuid }), query: z.strictObject(historyQuery) },
  responses: ok("Its points", GpuHistoryAnswer),
});

export function registerGpuHistoryRoute(api: ApiApp, { db, now }: ApiDeps): void {
  api.openapi(get, async (c) => {
    const { uuid } = c.req.valid("param");
    if ((await gpuByUuid(db, uuid)) === null)
      throw notFound({ code: "named-gpu", params: { gpu_uuid: uuid } });
    const requested = await requestedStretch(db, c.req.valid("query"), now());
    const cards = [{ uuid, rank: null, stretch: requested }];
    return c.json(await historyAnswer(db, { requested, cards, leftOut: 0 }), 200);
  });
}
