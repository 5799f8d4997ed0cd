import { describe, expect, test } from "vitest";
import { RequestGate } from "@remotegpu/control-plane/server/link/hosts/request-gate";
import { MIB } from "@remotegpu/shared/values/units";
import { aHost } from "../../../../../support/samples/protocol-samples.ts";

const [a, b] = [aHost("a"), aHost("b")];
const small = { bytes: 100, nowMs: 0 };

/** So many requests in a row, each over before the next. */
function requestInRow(gate: RequestGate, count: number, { bytes = 100, nowMs = 0 } = {}): string[] {
  return Array.from({ length: count }, () => {
    const admission = gate.enter(a, { bytes, nowMs });
    if (admission === "admitted") gate.leave(a, { bytes });
    return admission;
  });
}

const countOf = (admissions: string[], which: string) => admissions.filter((one) => one === which).length;

test("four requests of a host at once, the fifth is answered with busy, and others are let in", () => {
  const gate = new RequestGate();

  const admissions = Array.from({ length: 5 }, () => gate.enter(a, small));

  expect(admissions).toEqual(["admitted", "admitted", "admitted", "admitted", "busy"]);
  expect(gate.enter(b, small)).toBe("admitted");
  gate.leave(a, small);
  expect(gate.enter(a, small)).toBe("admitted");
});

describe("a flood", () => {
  test("passes for its burst, and then only as fast as it is allowed", () => {
    const gate = new RequestGate();

    expect(countOf(requestInRow(gate, 10_000), "admitted")).toBe(400);
    expect(countOf(requestInRow(gate, 10_000, { nowMs: 1_000 }), "admitted")).toBe(20);
    expect(countOf(requestInRow(gate, 10_000, { nowMs: 3_600_000 }), "admitted")).toBe(400);
  });

  test("of large messages ends sooner", () => {
    const gate = new RequestGate();

    expect(countOf(requestInRow(gate, 100, { bytes: MIB }), "admitted")).toBe(32);
    expect(requestInRow(gate, 1)).toEqual(["floods"]);
    expect(requestInRow(gate, 1, { nowMs: 1 })).toEqual(["admitted"]);
  });

  test("is nobody else's", () => {
    const gate = new RequestGate();
    requestInRow(gate, 10_000);

    expect(gate.enter(b, small)).toBe("admitted");
  });

  test("that is turned away because it is too much at once counts all the same", () => {
    const gate = new RequestGate();

    const admissions = Array.from({ length: 1_000 }, () => gate.enter(a, small));

    expect(countOf(admissions, "busy")).toBe(396);
    expect(countOf(admissions, "floods")).toBe(600);
  });
});

test("what the whole fleet has in progress is bounded, in number and in bytes", () => {
  const many = new RequestGate();
  const admissions = Array.from({ length: 2_049 }, (_, n) => many.enter(aHost(`host-${n}`), small));
  expect(admissions.at(-1)).toBe("busy");
  expect(countOf(admissions, "admitted")).toBe(2_048);

  const large = new RequestGate();
  const inBytes = Array.from({ length: 129 }, (_, n) =>
    large.enter(aHost(`host-${n}`), { bytes: MIB, nowMs: 0 }),
  );
  expect(countOf(inBytes, "admitted")).toBe(128);
});
