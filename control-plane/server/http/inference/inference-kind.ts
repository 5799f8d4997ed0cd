/**
 * Inference services among the kinds of workload: what is shown, and what is ordered of one that is there. The order of a
 * new one is in inference-services.ts.
 */
import { z } from "@hono/zod-openapi";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/values/workload";
import { emptyFleet } from "../../store/fleet/empty-fleet.ts";
import { inferenceServiceById } from "../../store/inference/inference-services.ts";
import { lockServiceOrders } from "../../store/inference/service-orders.ts";
import {
  deleteService,
  pauseService,
  resumeService,
  startService,
  stopService,
} from "../../store/orders/inference-orders.ts";
import { onFleet } from "../environments/environment-access.ts";
import { NamePart, routedKind } from "../workloads/routed-kind.ts";
import { InferenceService, inferenceServiceAnswer } from "./inference-service-answer.ts";

export const INFERENCE_SERVICES = routedKind({
  kind: "inference",
  path: "inference-services",
  what: "inference service",
  many: "inference services",
  schema: "InferenceService",
  summaryOfOne: "One inference service with its replicas and their instances",
  endsByItself: false,
  hasRanks: true,
  services: [],
  filters: { status: z.enum(INFERENCE_SERVICE_STATUSES).optional(), name: NamePart },
  Answer: InferenceService,
  answer: inferenceServiceAnswer,
  byId: inferenceServiceById,
  orders: {
    lock: async (sql, id) => (await lockServiceOrders(sql, [id])).get(id) ?? null,
    answered: { status: 202, description: "The inference service, pending" },
    verbs: [
      {
        name: "start",
        summary: "Start it again, with as many replicas as before; checked like an order",
        problems: [402],
        async prepare({ deps: { newId }, fleet }) {
          const recent = await fleet.recent();
          return async (sql, service, context) => {
            // Within the transaction everything is asked through it: whoever holds a connection must not wait for another.
            const checks = { recent: () => Promise.resolve(recent), anew: () => emptyFleet(sql) };
            return await onFleet(checks, (fleet) => startService(sql, service, { ...context, fleet, newId }));
          };
        },
      },
      { name: "stop", summary: "Stop all its replicas, until it is started", prepare: () => stopService },
      {
        name: "pause",
        summary: "Leave the number of its replicas to people, where it scales by itself",
        prepare: () => pauseService,
      },
      { name: "resume", summary: "Let it scale by itself again", prepare: () => resumeService },
    ],
    deletion: deleteService,
    ending: deleteService,
  },
});
