/** What processes wrote between looks, counted so that no count ever falls or comes twice. */
import { WrittenCounter, type Written } from "@remotegpu/agent/host/processes/written-bytes";
import { expect, test } from "vitest";

function scene() {
  const processes = new Map<number, Written>();
  const counter = new WrittenCounter<string>((pid) => processes.get(pid) ?? null);
  return {
    counter,
    wrote: (pid: number, bytes: number, cancelledBytes = 0) => processes.set(pid, { bytes, cancelledBytes }),
    check: (...pids: number[]) => counter.check(new Map([["run", pids]])).get("run"),
  };
}

test("what was there before the first look counts nothing, what a new process of a known group wrote does", () => {
  const { wrote, check: look } = scene();
  wrote(1, 1_000);
  expect(look(1)).toBe(0);
  wrote(1, 1_500);
  wrote(2, 70);
  expect(look(1, 2)).toBe(570);
});

test("a group that was out of sight is not charged with all that it ever wrote", () => {
  const { counter, wrote, check: look } = scene();
  wrote(1, 1_000);
  look(1);
  counter.check(new Map());
  expect(look(1)).toBe(0);
});

test("a pause counts nothing, and no count falls by it", () => {
  const { counter, wrote, check: look } = scene();
  wrote(1, 0);
  look(1);
  wrote(1, 500);
  expect(look(1)).toBe(500);
  counter.pause();
  wrote(1, 9_000);
  expect(look(1)).toBe(500);
  wrote(1, 9_001);
  expect(look(1)).toBe(501);
});

test("what is taken back is not counted, and taking back makes nothing count anew", () => {
  const { wrote, check: look } = scene();
  wrote(1, 1_000);
  look(1);
  wrote(1, 1_000, 400);
  expect(look(1)).toBe(0);
  wrote(1, 1_300, 500);
  expect(look(1)).toBe(200);
});

test("a lower count is another process of that number", () => {
  const { wrote, check: look } = scene();
  wrote(1, 1_000);
  look(1);
  wrote(1, 300);
  expect(look(1)).toBe(300);
  expect(look()).toBe(300);
});
