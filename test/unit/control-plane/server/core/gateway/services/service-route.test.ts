import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/values/workload";
import { expect, test } from "vitest";
import {
  DEFAULT_BOUNDS,
  patienceSeconds,
  type ServiceRoute,
  whyClosed,
} from "@remotegpu/control-plane/server/core/gateway/services/service-route";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { reasonOf } from "@remotegpu/control-plane/server/core/reasons/plain-reason";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const route: ServiceRoute = {
  id: "svc-1",
  name: "chat",
  status: "running",
  statusReason: asReported("The image has no such program."),
  isPublic: false,
  corsOrigins: [],
  bounds: DEFAULT_BOUNDS,
  gateways: 1,
  sleep: "never",
  replicas: [],
};

const REPLICA = { instanceId: "ins-1" as InstanceId, hostId: "host-1" as HostId, port: 8000, revision: 1 };
const closedText = (of: ServiceRoute) => {
  const why = whyClosed(of);
  return why === null ? null : inEnglish(reasonOf(why));
};
const bounds = (queueSeconds: number, wakeSeconds: number) => ({
  ...DEFAULT_BOUNDS,
  queueSeconds,
  wakeSeconds,
});

test("requests are let in while it is to answer, and else a sentence gives the reason why nobody does", () => {
  const reported = Object.fromEntries(
    INFERENCE_SERVICE_STATUSES.map((status) => [status, closedText({ ...route, status })]),
  );
  const stopped = "The service is stopped. Its owner starts it: remotegpu service start";
  expect(reported).toEqual({
    creating: null,
    running: null,
    stopping: stopped,
    stopped,
    error: "The service does not run. The image has no such program.",
  });
});

test.each([
  ["has replicas for good", { sleep: "never" }, 30],
  ["sleeps", { sleep: "asleep" }, 300],
  ["is being woken", { sleep: "awake" }, 300],
  ["may sleep, and serves", { sleep: "awake", replicas: [REPLICA] }, 30],
  ["sleeps, and whose queue is longer than a start", { sleep: "asleep", bounds: bounds(600, 300) }, 600],
] as const)(
  "a request waits for a replica of one that %s as long as that takes",
  (_what, change, seconds) => {
    expect(patienceSeconds({ ...route, ...change })).toBe(seconds);
  },
);
