/** How the stream is read, and what a change makes old. */
import { concerns } from "@remotegpu/dashboard/live/topics";
import { EventReader } from "@remotegpu/dashboard/live/sse";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const STREAM = `: hello\n\nid: 7\nevent: change\ndata: {"topic":"fleet"}\n\n: still here\n\nevent: resync\ndata: {}\n\nid:8\r\ndata:a\r\ndata: b\r\n\r\n: still here\nid: 9\n\n`;
const EVENTS = [
  { id: "7", name: "change", data: '{"topic":"fleet"}' },
  { id: "7", name: "resync", data: "{}" },
  { id: "8", name: "message", data: "a\nb" },
];

describe("events of the stream", () => {
  test("are the same however the text is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length)), (cuts) => {
        const reader = new EventReader();
        const at = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
        const events = at.slice(1).flatMap((end, index) => reader.read(STREAM.slice(at[index], end)));

        expect(events).toEqual(EVENTS);
        expect(reader.lastId).toBe("9");
      }),
    );
  });

  test("report how far they go before there is any, and not by a line that is not over", () => {
    const reader = new EventReader();

    expect([reader.read("retry: 1000\n\nid: 5\n"), reader.lastId]).toEqual([[], null]);
    expect([reader.read("\nid: 6\n"), reader.lastId]).toEqual([[], "5"]);
  });

  test("of which a line never ends are given up", () => {
    const reader = new EventReader();

    expect(() => reader.read("x".repeat(2_000_000))).toThrow("does not end");
  });
});

describe("a change", () => {
  test.each([
    [{ topic: "fleet" }, ["fleet"], true],
    [{ topic: "fleet" }, ["queue", "alarms"], false],
    [{ topic: "env", id: "env-1" }, ["env:env-1"], true],
    [{ topic: "env:env-1" }, ["env:env-1"], true],
    [{ topic: "env:env-1", id: "env-1" }, ["env:env-1"], true],
    [{ topic: "env", id: "env-1" }, ["env:env-2"], false],
    [{ topic: "workloads", id: "env-1" }, ["workloads"], true],
    [{ topic: "workloads", id: null }, [], false],
  ])("%j makes what names %j old: %s", (change, topics, isOld) => {
    expect(concerns(change, topics)).toBe(isOld);
  });
});
