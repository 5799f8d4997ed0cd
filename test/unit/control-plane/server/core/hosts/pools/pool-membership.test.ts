/** What keeps a host from the files of its pool, in words, and which names no pool may have. */
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import {
  isLikeAnotherHost,
  poolObstacle,
  type PoolMembership,
  poolWarning,
} from "@remotegpu/control-plane/server/core/hosts/pools/pool-membership";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { isBelowPool } from "@remotegpu/control-plane/server/core/instances/desired-set";
import { expect, test } from "vitest";

const SHARES: PoolMembership = {
  pool: "pool-a",
  claim: null,
  state: "trusted",
  failure: null,
  features: ["pool-proof"],
};
const DUE = new Date("2026-03-10T00:00:00Z");

test.each<[string, Partial<PoolMembership>, string | null]>([
  ["trusted", {}, null],
  ["trusted with an agent of before", { features: [] }, null],
  [
    "claimed",
    { claim: "pool-b" },
    "it waits for an administrator to confirm that it belongs to storage pool pool-b",
  ],
  ["waiting", { state: "waiting" }, "it has not proved yet that it shares storage pool pool-a"],
  [
    "waiting with an agent of before",
    { state: "waiting", features: [] },
    "its agent is too old to prove its storage pool, pool-a",
  ],
  [
    "failed",
    { state: "failed", failure: { code: "pool-files-differ", params: { host_name: "gpu-2" } } },
    "it does not share storage pool pool-a: It sees other files than host gpu-2",
  ],
  [
    "overdue",
    { state: "overdue", failure: null },
    "it has not proved for too long that it shares storage pool pool-a",
  ],
])("a member that is %s", (_what, change, expected) => {
  const obstacle = poolObstacle({ ...SHARES, ...change });

  expect(obstacle && inEnglish(obstacle)).toBe(expected);
});

test.each<[string, Partial<PoolMembership>, Date | null, RegExp]>([
  ["alone in its pool", { features: [] }, null, /^null$/],
  ["proved", {}, DUE, /^null$/],
  ["with an agent of before", { features: [] }, DUE, /too old to prove.*until 2026-03-10/],
  ["missed", { failure: asReported("It is silent.") }, DUE, /not proved lately\. It is silent\./],
  ["failed, which is no warning", { state: "failed", failure: asReported("Other files.") }, DUE, /^null$/],
])("the warning of a member that is %s", (_what, change, proofDueAt, expected) => {
  const warning = poolWarning({ membership: { ...SHARES, ...change }, proofDueAt });

  expect(String(warning && inEnglish(warning))).toMatch(expected);
});

test.each([
  ["host-0123456789abcdef0123", null, true],
  ["host-0123456789abcdef0123", "host-0123456789abcdef0123", false],
  ["host-0123456789abcdef0123", "host-ffffffffffffffffffff", true],
  ["host-pool", null, false],
  ["host-0123456789abcdef01234", null, false],
])("a pool %s of host %s is like another host: %s", (pool, hostId, expected) => {
  expect(isLikeAnotherHost(pool, hostId)).toBe(expected);
});

test.each([".remotegpu-pool", "/.remotegpu-pool/", ".remotegpu-pool/x"])("%s is no path of data", (path) => {
  expect(isBelowPool(path)).toBe(false);
});
