/** One GPU in or out of service. */
import { createRoute, z } from "@hono/zod-openapi";
import { GpuUuid } from "@remotegpu/shared/values/ids";
import type { Transaction } from "../../store/database/database.ts";
import { appendEvent } from "../../store/events/events.ts";
import { noteAdminsCordon, noteAdminsUncordon } from "../../store/reports/health/gpu-health.ts";
import { cordonGpu, gpuByUuid, uncordonGpu } from "../../store/hosts/hosts.ts";
import { asReported } from "../../core/reasons/reason.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { Gpu, gpuAnswer } from "./gpu-answer.ts";
import { CordonRequest } from "./host-body.ts";
import { deed } from "./host-verbs.ts";
import { once } from "../request/idempotency.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, ok, optionalJsonBody } from "../request/route.ts";

const verb = <Path extends string>(path: Path, summary: string) =>
  createRoute({
    ...forAdmins,
    method: "post",
    path,
    tags: ["hosts"],
    summary,
    request: { params: z.object({ uuid: GpuUuid }), body: optionalJsonBody(CordonRequest) },
    responses: ok("The GPU", Gpu),
  });

const cordon = verb("/gpus/{uuid}/cordon", "Place nothing new on this GPU; what holds it goes on");
const uncordon = verb(
  "/gpus/{uuid}/uncordon",
  "Place on this GPU again, also where its host took it out of service itself",
);

export function registerGpuRoutes(api: ApiApp, deps: ApiDeps): void {
  api.openapi(cordon, async (c) => {
    const { uuid } = c.req.valid("param");
    const reason = c.req.valid("json").reason ?? null;
    return await once(c, async (sql) =>
      c.json(await setCordon(c, sql, uuid, { cordoned: true, reason }), 200),
    );
  });

  api.openapi(uncordon, async (c) => {
    const { uuid } = c.req.valid("param");
    const reason = c.req.valid("json").reason ?? null;
    return await once(c, async (sql, afterwards) => {
      afterwards(() => deps.link.wake());
      return c.json(await setCordon(c, sql, uuid, { cordoned: false, reason }), 200);
    });
  });
}

async function setCordon(
  c: ApiContext,
  sql: Transaction,
  uuid: string,
  { cordoned, reason }: { cordoned: boolean; reason: string | null },
): Promise<ReturnType<typeof gpuAnswer>> {
  const { now } = c.var.deps;
  const found = await gpuByUuid(sql, uuid);
  if (found === null) throw notFound({ code: "named-gpu", params: { gpu_uuid: uuid } });
  await (cordoned ? cordonGpu(sql, { uuid, reason }) : uncordonGpu(sql, uuid));
  await (cordoned ? noteAdminsCordon(sql, uuid) : noteAdminsUncordon(sql, uuid, now()));
  const kind = cordoned ? "gpu-cordoned" : "gpu-uncordoned";
  const after = await gpuByUuid(sql, uuid);
  const change = { old: found.status, new: after?.status ?? null, reason: asReported(reason) };
  await appendEvent(sql, { kind, hostId: found.host_id, gpuUuid: uuid, ...change, ...deed(c) });
  return gpuAnswer(after ?? found);
}
