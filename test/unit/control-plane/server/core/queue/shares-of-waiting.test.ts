import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { expect, test } from "vitest";
import { shareReason, sharesOfWaiting } from "@remotegpu/control-plane/server/core/queue/shares-of-waiting";
import { anOrder } from "../../../../../support/placement/queued-orders.ts";

const CAPACITY = { cpuMilli: 0, memoryMib: 0, gpuThousandths: 100_000 };
const had = (gpus: number, weight = 1) => ({
  had: { cpuMilli: 0, memoryMib: 0, gpuThousandths: gpus * 1_000 },
  weight,
  lastStartMs: null,
});

test("each payer gets its own share and the least of the others that wait for room", () => {
  const payers = new Map([
    ["a", had(34)],
    ["b", had(10)],
    ["c", had(50)],
    ["d", had(1)],
    ["e", had(5)],
  ]);
  const waiting = [
    ...["a", "a", "b", "c"].map((payer, index) => anOrder(`${index}`, {}, { payer })),
    anOrder("held", {}, { payer: "d", heldBack: asReported("Waiting for price.") }),
  ];

  const shares = sharesOfWaiting(waiting, { payers, capacity: CAPACITY });

  expect(Object.fromEntries(shares)).toEqual({
    a: { own: 34, others: 10 },
    b: { own: 10, others: 34 },
    c: { own: 50, others: 10 },
    d: { own: 1, others: 10 },
  });
});

test("the share of the others is measured by the own weight, and is nobody's where nobody else waits", () => {
  const payers = new Map([
    ["a", had(30, 3)],
    ["b", had(5)],
  ]);
  const orders = ["a", "b"].map((payer) => anOrder(payer, {}, { payer }));

  expect(sharesOfWaiting(orders, { payers, capacity: CAPACITY }).get("a")).toEqual({ own: 30, others: 15 });
  expect(sharesOfWaiting(orders.slice(0, 1), { payers, capacity: CAPACITY }).get("a")).toEqual({
    own: 30,
    others: null,
  });
});

test("in words", () => {
  expect(inEnglish(shareReason({ own: 34, others: 10 }))).toBe(
    "Your share is 34 %, others who wait have 10 %.",
  );
  expect(inEnglish(shareReason({ own: 34, others: null }))).toBe("Your share is 34 %, nobody else waits.");
});
