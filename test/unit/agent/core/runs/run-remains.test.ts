/** What an ended container leaves in the record: its signal, and its last lines as storable text. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  MAX_TAILS_BYTES,
  signalOf,
  tailText,
  withTailsInReport,
} from "@remotegpu/agent/core/runs/run-remains";
import { MAX_TAIL_BYTES, type ObservedInstance } from "@remotegpu/shared/instance/instance";
import { isStorable } from "@remotegpu/shared/values/text";
import { encode } from "@remotegpu/shared/messages/wire";
import { anObservedInstance } from "../../../../support/samples/protocol-samples.ts";

test.each([
  [0, null],
  [1, null],
  [128, null],
  [129, "SIGHUP"],
  [137, "SIGKILL"],
  [139, "SIGSEGV"],
  [143, "SIGTERM"],
  [145, null],
  [159, "SIGSYS"],
  [255, null],
  [-1, null],
])("exit code %i speaks of signal %s", (exitCode, signal) => {
  expect(signalOf(exitCode)).toBe(signal);
});

describe("the tail", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  test("of little is all of it, also without a last line break", () => {
    expect(tailText(bytes(""))).toBe("");
    expect(tailText(bytes("one\ntwo"))).toBe("one\ntwo");
    expect(tailText(bytes("\uFEFFmarked\n"))).toBe("\uFEFFmarked\n");
  });

  test("of exactly the limit is whole, of one more it begins with a whole line", () => {
    const line = "x".repeat(MAX_TAIL_BYTES - 4);

    expect(tailText(bytes(`ab\n${line}\n`))).toBe(`ab\n${line}\n`);
    expect(tailText(bytes(`abc\n${line}\n`))).toBe(`${line}\n`);
  });

  test("of one endless line is its end", () => {
    expect(tailText(bytes(`begin ${"x".repeat(2 * MAX_TAIL_BYTES)}`))).toBe("x".repeat(MAX_TAIL_BYTES));
  });

  test("shows what is no text as replacement characters", () => {
    expect(tailText(Uint8Array.of(0x61, 0x00, 0xff, 0xfe, 0x62))).toBe("a\uFFFD\uFFFD\uFFFDb");
  });

  test("does not begin inside a character", () => {
    expect(tailText(bytes("€".repeat(MAX_TAIL_BYTES)))).toBe("€".repeat(Math.floor(MAX_TAIL_BYTES / 3)));
  });

  test("of whatever bytes fits, and is taken by the database", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 0, maxLength: 64 }),
        fc.integer({ min: 1, max: 400 }),
        (part, times) => {
          const output = new Uint8Array(part.length * times);
          for (let time = 0; time < times; time += 1) output.set(part, time * part.length);

          const text = tailText(output);

          expect(isStorable(text)).toBe(true);
          expect(bytes(text).length).toBeLessThanOrEqual(MAX_TAIL_BYTES);
          expect(text === "" && output.length > 0).toBe(false);
        },
      ),
    );
  });
});

describe("in a report", () => {
  const ended = (id: string, tail: string | null): ObservedInstance => ({
    ...anObservedInstance(id),
    phase: "failed",
    remains: { outOfMemory: false, signal: null, tail },
  });

  test("few tails are all reported", () => {
    const instances = [ended("a", "last words"), anObservedInstance("b"), ended("c", null)];

    expect(withTailsInReport(instances)).toEqual(instances);
  });

  test("too many are left out, and everything else about the run stays", () => {
    const instances = Array.from({ length: 1_000 }, (_, n) => ended(`env-${n}`, "\u0001".repeat(8_000)));

    const reported = withTailsInReport(instances);

    expect(reported[0]).toEqual(instances[0]);
    expect(reported.at(-1)).toEqual(ended("env-999", null));
    expect(encode(reported).length).toBeLessThan(
      MAX_TAILS_BYTES + encode(instances.map(() => ended("x", null))).length,
    );
  });
});
