/** What people read about free time. */
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import {
  deathSentence,
  neverReadySentence,
  outageSentence,
} from "@remotegpu/control-plane/server/core/billing/broken-time/broken-sentence";
import { expect, test } from "vitest";

const at = (time: string) => new Date(`2026-03-10T${time}.400Z`);

test.each([
  [
    { vanishedAt: at("10:02:33"), recoveredAt: null, fault: null },
    "GPU-7 was last seen healthy at 2026-03-10T10:02:03Z and vanished at 2026-03-10T10:02:33Z.",
  ],
  [
    { vanishedAt: null, recoveredAt: null, fault: "Xid 79: the GPU fell off the bus." },
    "GPU-7 was last seen healthy at 2026-03-10T10:02:03Z and failed at 2026-03-10T10:02:33Z (Xid 79: the GPU fell off the bus).",
  ],
  [
    { vanishedAt: at("10:02:43"), recoveredAt: at("10:09:00"), fault: "Xid 79" },
    "GPU-7 was last seen healthy at 2026-03-10T10:02:03Z and failed at 2026-03-10T10:02:33Z (Xid 79), and vanished at 2026-03-10T10:02:43Z; it was well again at 2026-03-10T10:09:00Z.",
  ],
  [
    { vanishedAt: null, recoveredAt: null, fault: "It needs a reset.", faultCode: "requires-reset" },
    "GPU-7 was last seen healthy at 2026-03-10T10:02:03Z and failed at 2026-03-10T10:02:33Z (It needs a reset (requires-reset)).",
  ],
])("a card: %j", (change, expected) => {
  const outage = { gpuUuid: "GPU-7", faultCode: null, lastGoodAt: at("10:02:03"), noticedAt: at("10:02:33") };

  expect(inEnglish(outageSentence({ ...outage, ...change }))).toBe(expected);
});

test.each([
  [
    { cause: "rebooted", readyAgainAt: at("10:07:00") },
    "Host h-1 was last heard at 2026-03-10T10:02:03Z and found to have started anew at 2026-03-10T10:05:00Z; the instance was ready again at 2026-03-10T10:07:00Z.",
  ],
  [
    { cause: "lost", readyAgainAt: null },
    "Host h-1 was last heard at 2026-03-10T10:02:03Z and declared lost at 2026-03-10T10:05:00Z.",
  ],
] as const)("a host: %j", (change, expected) => {
  const death = { hostName: "h-1", lastHeardAt: at("10:02:03"), noticedAt: at("10:05:00") };

  expect(inEnglish(deathSentence({ ...death, ...change }))).toBe(expected);
});

test.each([
  [
    { state: "failed", orderedBy: "control-plane", detail: "No such command." },
    "before it failed. Its host said: No such command.",
  ],
  [{ state: "stopped", orderedBy: "customer", detail: "" }, "before it was stopped by its customer."],
  [{ state: "starting", orderedBy: "control-plane", detail: null }, "before it was stopped by RemoteGPU."],
] as const)("a start: %j", (run, expected) => {
  expect(inEnglish(neverReadySentence({ orderedAt: at("10:02:03"), ...run }))).toBe(
    `Ordered at 2026-03-10T10:02:03Z, it was never ready ${expected}`,
  );
});

test("a host's word is cut, since it stands in the ledger for good", () => {
  const long = {
    orderedAt: at("10:02:03"),
    state: "failed",
    orderedBy: null,
    detail: "x".repeat(2000),
  } as const;

  expect(inEnglish(neverReadySentence(long)).length).toBeLessThan(400);
});
