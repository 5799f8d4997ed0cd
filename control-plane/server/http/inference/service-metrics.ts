/**
 * An inference service for Prometheus: what gateways counted of it, or what one of its replicas tells of itself, fetched
 * from it when somebody asks.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { trafficMetrics } from "../../core/inference/traffic/traffic-metrics.ts";
import { inferenceServiceById, type InferenceServiceRow } from "../../store/inference/inference-services.ts";
import { replicaPlace } from "../../store/inference/replicas/replica-place.ts";
import { trafficEver } from "../../store/inference/gateway/traffic-sums.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { ApiRefusal, conflict, notFound } from "../request/refusal.ts";
import { forCustomers, okStream, WorkloadIdPath } from "../request/route.ts";
import { Rank, workloadFor } from "../workloads/routed-kind.ts";
import { INFERENCE_SERVICES } from "./inference-kind.ts";
import { openNow } from "./service-traffic.ts";
import { workloadThing } from "../workloads/workload-thing.ts";

const { what } = INFERENCE_SERVICES;

const metrics = createRoute({
  ...forCustomers,
  method: "get",
  path: "/inference-services/{id}/metrics",
  operationId: "getServiceMetrics",
  "x-problems": [409, 502, 504],
  tags: ["inference services"],
  summary:
    "Its traffic for Prometheus: counters of all its time, which never fall, and what is open now; or one replica's own page",
  description:
    "Revision 0 is what gateways answered in place of a replica. Scrape it with a key of the scope read. With rank it is what that replica answers now at /metrics of its port: at most 1 MiB within 10 s, as text/plain or application/openmetrics-text; the replica receives nothing of the client. 409 where it is not up or drains, 502 where it answers something else, 503 where its host is away, 504 where it takes too long.",
  request: { params: WorkloadIdPath, query: z.strictObject({ rank: Rank }) },
  responses: okStream("Prometheus text format", "text/plain"),
});

export function registerServiceMetricsRoute(api: ApiApp): void {
  api.openapi(metrics, async (c) => {
    const requested = c.req.valid("param").id;
    const service = await workloadFor(c, { byId: inferenceServiceById, what }, requested, "read-workload");
    const { rank } = c.req.valid("query");
    const { bytes, type } =
      rank === undefined
        ? { bytes: await counted(c.var.deps, service), type: "text/plain; version=0.0.4; charset=utf-8" }
        : await ofReplica(c.var.deps, { serviceId: service.id, rank, signal: c.req.raw.signal });
    return c.body(bytes, 200, { "Content-Type": type });
  });
}

async function counted({ db, now }: ApiDeps, service: InferenceServiceRow): Promise<string> {
  const { id, replicas: wanted, ready_replicas: ready } = service;
  const [ever, open] = await Promise.all([trafficEver(db, id), openNow(db, id, now())]);
  return trafficMetrics(ever, { ...open, wanted, ready });
}

/** @throws ApiRefusal */
async function ofReplica(
  { db, replicaMetrics }: ApiDeps,
  { serviceId, rank, signal }: { serviceId: string; rank: number; signal: AbortSignal },
) {
  const place = await replicaPlace(db, { serviceId, rank });
  if (place === null)
    throw notFound({ code: "named-replica", params: { rank, service: workloadThing(what, serviceId) } });
  const { instance_id: instanceId, host_id: hostId, port } = place;
  if (place.is_draining) throw conflict({ code: "replica-draining", params: { rank } });
  if (!place.is_up || hostId === null || port === null)
    throw conflict({ code: "replica-not-up", params: { rank, state: place.state } });
  const reply = await replicaMetrics.request({ instanceId, hostId, port }, signal);
  switch (reply.kind) {
    case "page":
      return reply;
    case "away":
      throw new ApiRefusal("unavailable", {
        code: "replica-unreachable",
        params: { rank, detail: reply.why },
      });
    case "wrong":
      throw new ApiRefusal("wrong-answer", {
        code: "replica-without-metrics",
        params: { rank, detail: reply.why },
      });
    case "late":
      throw new ApiRefusal("timed-out", {
        code: "replica-without-metrics",
        params: { rank, detail: reply.why },
      });
  }
}
