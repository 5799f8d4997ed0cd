import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/workload";
import { expect, test } from "vitest";
import {
  DEFAULT_BOUNDS,
  type ServiceRoute,
  whyClosed,
} from "@remotegpu/control-plane/core/gateway/services/service-route";

const route: ServiceRoute = {
  id: "svc-1",
  name: "chat",
  status: "running",
  statusReason: "The image has no such program.",
  isPublic: false,
  corsOrigins: [],
  bounds: DEFAULT_BOUNDS,
  replicas: [],
};

test("requests are let in while it is to answer, and else a sentence says why nobody does", () => {
  const told = Object.fromEntries(
    INFERENCE_SERVICE_STATUSES.map((status) => [status, whyClosed({ ...route, status })]),
  );
  const stopped = "The service is stopped. Its owner starts it: remotegpu service start";
  expect(told).toEqual({
    creating: null,
    running: null,
    stopping: stopped,
    stopped,
    error: "The service does not run. The image has no such program.",
  });
});
