import { ServerCounters } from "@remotegpu/control-plane/server/core/metrics/server-counters";
import { expect, test } from "vitest";

test("placements are counted by kind and result, and the wait of those that were placed", () => {
  const counters = new ServerCounters();

  counters.placed([
    { kind: "training", result: "placed", waitedMs: 4_000 },
    { kind: "training", result: "taken", waitedMs: null },
  ]);

  const counted = counters.placements.samples().filter(({ value }) => value > 0);
  expect(counted).toEqual([
    { labels: { kind: "training", result: "placed" }, value: 1 },
    { labels: { kind: "training", result: "taken" }, value: 1 },
  ]);
  const waits = counters.placementDurations.distributions().filter(({ count }) => count > 0);
  expect(waits).toEqual([
    { labels: { kind: "training" }, cumulative: [0, 1, 1, 1, 1, 1, 1], sum: 4, count: 1 },
  ]);
});

test("placements have at most six results of each kind", () => {
  expect(new ServerCounters().placements.samples()).toHaveLength(18);
});

test("a webhook that refuses is counted apart from one that cannot be reached", () => {
  const counters = new ServerCounters();

  counters.webhookTried({ delivered: true, status: 200 });
  counters.webhookTried({ delivered: false, status: 500 });
  counters.webhookTried({ delivered: false, status: null });

  expect(counters.webhookDeliveries.samples()).toEqual([
    { labels: { result: "delivered" }, value: 1 },
    { labels: { result: "refused" }, value: 1 },
    { labels: { result: "failed" }, value: 1 },
  ]);
});

test("rows and answers of the gateway are counted from 0 on", () => {
  const counters = new ServerCounters();

  counters.ingested(3);
  counters.gatewayAnswered(204);

  expect(counters.ingestedRows.samples()).toEqual([{ labels: {}, value: 3 }]);
  expect(counters.gatewayRequests.samples()).toEqual(
    ["1xx", "2xx", "3xx", "4xx", "5xx"].map((statusClass) => ({
      labels: { status_class: statusClass },
      value: statusClass === "2xx" ? 1 : 0,
    })),
  );
});
