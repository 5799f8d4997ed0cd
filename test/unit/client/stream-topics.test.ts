/** The client's types of the stream, which the OpenAPI document describes in words, against what the server does. */
import type { StreamEvents, StreamTopic } from "@remotegpu/control-plane/client/stream-topics";
import { closedFrame, framesOf } from "@remotegpu/control-plane/server/core/stream/frames";
import { topicOf } from "@remotegpu/control-plane/server/core/stream/topics";
import { expect, test } from "vitest";

/** One of each, which the types keep complete. */
const TOPICS: Record<
  StreamTopic extends infer Topic extends string ? FirstPart<Topic> : never,
  StreamTopic
> = {
  fleet: "fleet",
  queue: "queue",
  alarms: "alarms",
  workloads: "workloads",
  billing: "billing",
  gpu: "gpu",
  cost: "cost",
  host: "host:host-1",
  env: "env:env-1",
  job: "job:job-1",
  service: "service:svc-1",
};
type FirstPart<Topic extends string> = Topic extends `${infer First}:${string}` ? First : Topic;

const EVENTS: StreamEvents = {
  change: { topic: "env:env-1", id: "env-1", version: 7 },
  gpu: {
    columns: ["uuid", "utilization_percent", "memory_used_mib", "temperature_c", "power_w", "sampled_at"],
    rows: [["GPU-1", 50, 1024, 60, "250.5", "1970-01-01T00:00:00.000Z"]],
  },
  cost: [{ id: "env-1", cost_so_far: "1.50", rate_per_hour: null }],
  resync: {},
  closed: { topic: "gpu" },
};

test.each(Object.values(TOPICS))("the server streams the topic %s", (topic) => {
  expect(topicOf(topic)).not.toBeNull();
});

test("the server's events have the client's types", () => {
  const place = { life: "a", number: 7 };
  const owner = { customerId: 1, workspaceId: null };
  const told = {
    resync: true,
    changes: new Map([["env:env-1", null]]),
    cards: [
      {
        uuid: "GPU-1",
        hostId: "host-1",
        utilizationPercent: 50,
        memoryUsedMib: 1024,
        temperatureC: 60,
        powerW: "250.5",
        sampledMs: 0,
        state: "",
        holders: new Map(),
      },
    ],
    costs: [{ ...owner, id: "env-1", costSoFar: "1.50", ratePerHour: null }],
  };

  const frames = framesOf(told, place) + closedFrame("gpu");

  const events = [...frames.matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, name, data = ""]) => [
    name,
    JSON.parse(data) as unknown,
  ]);
  expect(Object.fromEntries(events)).toEqual(EVENTS);
});
