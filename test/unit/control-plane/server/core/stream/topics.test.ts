import { describe, expect, test } from "vitest";
import {
  mayHear,
  seesWorkload,
  type Sight,
  topicNames,
  topicOf,
  workloadTopic,
} from "@remotegpu/control-plane/server/core/stream/topics";
import { KEY_SCOPES } from "@remotegpu/control-plane/server/core/accounts/key-scopes";

const ADA: Sight = {
  isAdmin: false,
  customerId: 1,
  scopes: new Set(KEY_SCOPES),
  workspaceIds: new Set([10]),
  payerIds: new Set([1]),
};
const ADMIN: Sight = { ...ADA, isAdmin: true, customerId: 9 };

test.each([
  ["env:e-1", { kind: "workload", workload: "environment", id: "e-1" }],
  ["job:a:b", { kind: "workload", workload: "training", id: "a:b" }],
  ["service:s", { kind: "workload", workload: "inference", id: "s" }],
  ["host:h", { kind: "host", id: "h" }],
  ["gpu", { kind: "plain", name: "gpu" }],
  ["env:", null],
  ["env", null],
  ["constructor:x", null],
  ["Fleet", null],
  [`env:${"x".repeat(129)}`, null],
  ["env:\0", null],
])("%j is %j", (name, topic) => {
  expect(topicOf(name)).toEqual(topic);
});

test("the topic of a workload is read back as that workload's", () => {
  expect(topicOf(workloadTopic("training", "j"))).toEqual({
    kind: "workload",
    workload: "training",
    id: "j",
  });
});

test("topics stand between commas, each once", () => {
  expect(topicNames(" gpu,cost,,gpu ,")).toEqual(["gpu", "cost"]);
  expect(topicNames(" , ")).toEqual([]);
});

test.each([
  [ADA, { customerId: 1, workspaceId: null }, true],
  [ADA, { customerId: 2, workspaceId: null }, false],
  [ADA, { customerId: 2, workspaceId: 10 }, true],
  // Ordered by them, in a workspace that they have left.
  [ADA, { customerId: 1, workspaceId: 11 }, false],
  [ADMIN, { customerId: 2, workspaceId: 11 }, true],
])("of %j the workload of %j is seen: %j", (sight, owner, sees) => {
  expect(seesWorkload(sight, owner)).toBe(sees);
});

describe("what may be heard", () => {
  const hears = (sight: Sight, name: string, owner: Parameters<typeof mayHear>[2] = null) => {
    const topic = topicOf(name);
    return topic !== null && mayHear(sight, topic, owner);
  };
  const only = (scope: (typeof KEY_SCOPES)[number], sight = ADA) => ({ ...sight, scopes: new Set([scope]) });

  test.each(["fleet", "alarms", "host:h"])("%s by administrators that read", (topic) => {
    expect([hears(ADA, topic), hears(ADMIN, topic), hears(only("money", ADMIN), topic)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test.each([
    ["queue", "read"],
    ["workloads", "read"],
    ["gpu", "read"],
    ["billing", "money"],
    ["cost", "money"],
  ] as const)("%s with the scope %s", (topic, scope) => {
    expect(KEY_SCOPES.filter((one) => hears(only(one), topic))).toEqual([scope]);
  });

  test("a workload's own by its people, and one that is not there by nobody", () => {
    const own = { customerId: 1, workspaceId: null };
    expect([hears(ADA, "env:e", own), hears(only("money"), "env:e", own)]).toEqual([true, false]);
    expect([hears(ADA, "env:e", null), hears(ADMIN, "env:e", null)]).toEqual([false, false]);
  });
});
