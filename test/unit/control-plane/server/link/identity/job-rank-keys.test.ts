import { createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { RankKeys } from "@remotegpu/shared/instance/rank-launch";
import { jobRankKeys } from "@remotegpu/control-plane/server/link/identity/job-rank-keys";
import { publicKeyLine } from "@remotegpu/control-plane/server/link/identity/public-key-line";

const keyring = (seed = 1) => jobRankKeys({ key: { getSeed: () => new Uint8Array(32).fill(seed) } });
const PLACE = { workloadId: "job-1", attempt: 2 };
const keysOf = (change: object = {}, seed = 1) =>
  keyring(seed).keysOf({ ...PLACE, role: "leads", ...change });

test("each side has the public key of the other's private one, also from another server of the fleet", () => {
  const [leads, follows] = [keysOf(), keysOf({ role: "follows" })];

  for (const [own, other] of [
    [leads, follows],
    [follows, leads],
  ] as const) {
    const { privateKey } = RankKeys.parse(own);
    const publicKey = createPublicKey(privateKey).export({ format: "der", type: "spki" });
    expect(publicKeyLine(publicKey).line).toBe(other.otherLine);
  }
  expect(keysOf()).toEqual(leads);
});

test("keys are others for another side, attempt, job and operator", () => {
  const all = [
    keysOf(),
    keysOf({ role: "follows" }),
    keysOf({ attempt: 3 }),
    keysOf({ workloadId: "job-2" }),
    keysOf({}, 2),
  ];

  expect(new Set(all.map(({ privateKey }) => privateKey)).size).toBe(all.length);
});
