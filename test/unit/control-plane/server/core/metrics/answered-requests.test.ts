import { AnsweredRequests } from "@remotegpu/control-plane/server/core/metrics/answered-requests";
import { expect, test } from "vitest";

test("an answer is counted by its status, and its time by the class of that", () => {
  const answered = new AnsweredRequests();

  answered.add({ method: "GET", route: "/healthz", status: 204 }, 0.02);
  answered.add({ method: "GET", route: "/healthz", status: 200 }, 9);

  expect(answered.requests.samples().map(({ labels, value }) => [labels["status"], value])).toEqual([
    ["204", 1],
    ["200", 1],
  ]);
  expect(answered.durations.distributions()).toEqual([
    {
      labels: { method: "GET", route: "/healthz", status_class: "2xx" },
      cumulative: [0, 0, 1, 1, 1, 1, 1, 1],
      sum: 9.02,
      count: 2,
    },
  ]);
  expect([answered.count, answered.secondsTotal]).toEqual([2, 9.02]);
});
