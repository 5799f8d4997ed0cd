import { expect, test } from "vitest";
import {
  type Circumstances,
  type DecisionReason,
  inWords,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/decision-words";
import type {
  Reading,
  ServiceLoad,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/service-load";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { configOf } from "../../../../../../support/autoscaling/played-service.ts";

const QPS: Reading = { metric: "qps", sum: 2_512.34, silent: [], reportedSince: 0 };
const LOAD: ServiceLoad = { inReplicas: 2.51234, by: { ...QPS, target: 1_000 }, readings: [QPS] };
const CPU_UNKNOWN: Reading = { metric: "cpu", sum: 0, silent: ["svc-1-r2", "svc-1-r3"], reportedSince: 0 };

function circumstances(change: Partial<Circumstances> = {}): Circumstances {
  return {
    now: 200_000,
    isDryRun: false,
    config: configOf({ target_qps: 1_000 }),
    bounds: { min: 1, max: 3 },
    wanted: 3,
    waitingRequests: 0,
    ...change,
  };
}

test.each<[DecisionReason, Partial<Circumstances>, string]>([
  [{ kind: "off" }, {}, "Autoscaling is off."],
  [{ kind: "sleeps" }, { wanted: 0 }, "It stays at 0 replicas: no request waits."],
  [
    { kind: "none-ready" },
    { wanted: 1 },
    "It stays at 1 replica: none is ready yet, which tells nothing of the load.",
  ],
  [{ kind: "unknown" }, {}, "It stays at 3 replicas: nothing is known of its load."],
  [{ kind: "bound", replicas: 3 }, { wanted: 5 }, "It goes from 5 to 3 replicas: max_replicas is 3."],
  [{ kind: "bound", replicas: 1 }, { wanted: 0 }, "It goes from 0 to 1 replica: min_replicas is 1."],
  [
    { kind: "wake", replicas: 1 },
    { wanted: 0, waitingRequests: 1 },
    "It goes from 0 to 1 replica: a request waits.",
  ],
  [
    { kind: "wake", replicas: 1 },
    { wanted: 0, waitingRequests: 500 },
    "It goes from 0 to 1 replica: 500 requests wait.",
  ],
  [
    { kind: "none", replicas: 0, quietSeconds: 61 },
    { wanted: 2 },
    "It goes from 2 to 0 replicas: no request for 61 s, and none in flight.",
  ],
  [
    { kind: "more", replicas: 3, lasting: 2.5, load: LOAD },
    { wanted: 1 },
    "It goes from 1 to 3 replicas: for 6 s there was work for 2.5 or more; " +
      "now 2512.3 requests a second with target_qps 1000.",
  ],
  [
    { kind: "more", replicas: 3, lasting: 9, load: LOAD },
    { wanted: 1 },
    "It goes from 1 to 3 replicas: for 6 s there was work for 9 or more, but max_replicas is 3; " +
      "now 2512.3 requests a second with target_qps 1000.",
  ],
  [
    { kind: "fewer", replicas: 1, largest: 0.44, load: LOAD },
    {},
    "It goes from 3 to 1 replica: for 300 s there was work for fewer, in the last 60 s for 0.4 at most; " +
      "now 2512.3 requests a second with target_qps 1000.",
  ],
  [
    { kind: "fewer", replicas: 1, largest: 0.44, load: LOAD },
    { config: configOf({ paused: true }) },
    "It is paused, and would have gone from 3 to 1 replica: for 300 s there was work for fewer, " +
      "in the last 60 s for 0.4 at most; now 2512.3 requests a second with target_qps 1000.",
  ],
  [
    { kind: "bound", replicas: 3 },
    { wanted: 5, isDryRun: true },
    "It runs dry, and would have gone from 5 to 3 replicas: max_replicas is 3.",
  ],
  [
    { kind: "stays", load: LOAD, unknown: undefined, belowSince: null },
    {},
    "It stays at 3 replicas: there is work for 2.5; now 2512.3 requests a second with target_qps 1000.",
  ],
  [
    { kind: "stays", load: LOAD, unknown: undefined, belowSince: 80_500 },
    {},
    "It stays at 3 replicas: there is work for 2.5, fewer since 119 of 300 s; " +
      "now 2512.3 requests a second with target_qps 1000.",
  ],
  [
    { kind: "stays", load: { ...LOAD, inReplicas: 9 }, unknown: undefined, belowSince: null },
    {},
    "It stays at 3 replicas: there is work for 9, but max_replicas is 3; " +
      "now 2512.3 requests a second with target_qps 1000.",
  ],
  [
    { kind: "stays", load: LOAD, unknown: CPU_UNKNOWN, belowSince: null },
    {},
    "It stays at 3 replicas: there is work for 2.5 at least, but nothing is known of the cores " +
      "of replica svc-1-r2 and 1 more; now 2512.3 requests a second with target_qps 1000.",
  ],
  [
    { kind: "stays", load: LOAD, unknown: { ...QPS, silent: ["g-1"] }, belowSince: null },
    {},
    "It stays at 3 replicas: there is work for 2.5 at least, but nothing is known of requests a second " +
      "at gateway g-1; now 2512.3 requests a second with target_qps 1000.",
  ],
])("inputs %# are reported in a sentence", (inputs, change, sentence) => {
  expect(inEnglish(inWords(inputs, circumstances(change)).sentence)).toBe(sentence);
});

test.each<[DecisionReason, boolean, object]>([
  [{ kind: "unknown" }, false, { kind: "stays" }],
  [{ kind: "unknown" }, true, { kind: "stays" }],
  [{ kind: "bound", replicas: 2 }, false, { kind: "scales", replicas: 2 }],
  [{ kind: "bound", replicas: 2 }, true, { kind: "would-scale", replicas: 2 }],
])("%j, paused %s, is decided as %j", (inputs, paused, decision) => {
  expect(inWords(inputs, circumstances({ config: configOf({ paused }) }))).toMatchObject(decision);
});
