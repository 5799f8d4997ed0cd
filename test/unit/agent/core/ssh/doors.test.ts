/** What an order says of the way into its instance. */
import { expect, test } from "vitest";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { doorOf } from "@remotegpu/agent/core/ssh/doors";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";

const SETS = [
  { id: "c-1", keys: [{ id: 7, line: "ssh-ed25519 AAAA" }] },
  { id: "c-2", keys: [{ id: 8, line: "ssh-ed25519 BBBB" }] },
];

const entered = (ssh: DesiredInstance["live"]["ssh"]) => {
  const order = desiredOf("lab");
  return { ...order, live: { ...order.live, ssh } };
};

test("the keys of all whom it names open it, and of nobody else", () => {
  expect(doorOf(entered({ keySets: ["c-2", "c-9"], hostKey: "pem", passwordHash: "$6$x" }), SETS)).toEqual({
    keySets: ["c-2", "c-9"],
    keys: [{ id: "8", line: "ssh-ed25519 BBBB", expiresAt: null }],
    hostKeyPem: "pem",
    passwordHash: "$6$x",
  });
});

test("without a word of a password there is none", () => {
  expect(doorOf(entered({ keySets: [], hostKey: "pem" }), SETS)).toMatchObject({
    keys: [],
    passwordHash: null,
  });
});

test.each([
  ["none was ordered", undefined],
  ["its server has no key to show", { keySets: ["c-1"] }],
])("there is none where %s", (_why, ssh) => {
  expect(doorOf(entered(ssh), SETS)).toBeNull();
});
