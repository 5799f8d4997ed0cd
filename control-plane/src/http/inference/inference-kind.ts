/** Inference services among the kinds of workload. None can be ordered yet: what is there came from the old system. */
import { z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/text";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/workload";
import { inferenceServiceById } from "../../store/inference/inference-services.ts";
import { routedKind } from "../workloads/routed-kind.ts";
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
  filters: { status: z.enum(INFERENCE_SERVICE_STATUSES).optional(), name: text(512).optional() },
  Answer: InferenceService,
  answer: inferenceServiceAnswer,
  byId: inferenceServiceById,
  orders: null,
});
