/** What is told of pulls stays small, whatever a registry said and however many want one image. */
import { expect, test } from "vitest";
import { PullProgress } from "@remotegpu/agent/core/images/pull-progress";
import { PullReports, type Pull, type Settled } from "@remotegpu/agent/loop/images/pull-reports";
import { ObservedPull } from "@remotegpu/shared/instance/image-fetch";
import { MAX_OBSERVED_PULLS } from "@remotegpu/shared/messages/protocol";
import { KIB } from "@remotegpu/shared/values/units";
import { imageOfFetch, imageOfOrder } from "../../../../support/samples/desired-images.ts";

const LONG_NAME = `r.example.com/${"x".repeat(230)}`;

function pullOf(requests: readonly ReturnType<typeof imageOfOrder>[]): Pull {
  return {
    key: "one",
    image: LONG_NAME,
    registry: "r.example.com",
    desired: new Map(requests.map((request) => [request.wisher, request])),
    sinceMs: 0,
    failures: 0,
    yields: 0,
    notBefore: null,
    isPaused: false,
    pending: {
      owner: "ann",
      end: new AbortController(),
      progress: new PullProgress(),
      beganMs: 0,
      movedMs: 0,
      yields: 0,
    },
  };
}

test("all that failed, with all that was reported of it, fits beside what else a host reports", () => {
  const requests = Array.from({ length: MAX_OBSERVED_PULLS }, (_, at) =>
    imageOfFetch(`${LONG_NAME}-${at}`, "ann", `fetch-${String(at).padStart(50, "0")}`),
  );
  const message = "\u{20ac}".repeat(2_000);
  const settled: Settled = { kind: "failed", problem: "failed", message, terms: null };
  const { pulls } = new PullReports().report(
    {
      desired: new Map(requests.map((request) => [request.wisher, request])),
      pulls: [],
      settled: new Map(requests.map(({ wisher }) => [wisher, settled])),
    },
    0,
  );

  expect(pulls).toHaveLength(MAX_OBSERVED_PULLS);
  for (const pull of pulls) expect(pull.operatorDetail).toHaveLength(200);
  expect(Buffer.byteLength(JSON.stringify(pulls))).toBeLessThan(400 * KIB);
});

test("orders that want a pull are reported once, however many fetches want it too, and not all of too many", () => {
  const orders = Array.from({ length: 100 }, (_, at) =>
    imageOfOrder(LONG_NAME, "ann", { run: `o-${String(at).padStart(3, "0")}` }),
  );
  const fetches = ["f-2", "f-1"].map((fetchId) => imageOfFetch(LONG_NAME, "ann", fetchId));
  const state = { desired: new Map(), pulls: [pullOf([...orders, ...fetches])], settled: new Map() };

  const { pulls } = new PullReports().report(state, 0);

  expect(pulls.map(({ fetchId, instanceIds }) => [fetchId, instanceIds?.length])).toEqual([
    ["f-1", 64],
    ["f-2", 0],
  ]);
  for (const pull of pulls) expect(ObservedPull.safeParse(pull).error).toBeUndefined();
});
