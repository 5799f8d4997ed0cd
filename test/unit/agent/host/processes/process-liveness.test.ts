/** What /proc says of a process, read from text. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseProcStat } from "@remotegpu/agent/host/processes/process-liveness";

const statOf = (name: string, state: string, threads = 1) =>
  `4711 (${name}) ${state} 1 4711 4711 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 ${threads} 0 987654 1024 1 18446744073709551615\n`;

test.each(["sleep", "a b", "odd) R 1 (name", "line\nend", ""])(
  "a running process named %j is alive since its start ticks",
  (name) => {
    expect(parseProcStat(statOf(name, "S"))).toEqual({ alive: true, startTicks: 987654 });
  },
);

test.each(["Z", "X", "x"])("a process in state %s has ended", (state) => {
  expect(parseProcStat(statOf("sleep", state))).toEqual({ alive: false });
});

test("a process whose first thread has ended lives as long as another one does", () => {
  expect(parseProcStat(statOf("sleep) Z 1 (x", "Z", 2))).toEqual({ alive: true, startTicks: 987654 });
});

test.each(["", "4711 (sleep", "4711 (sleep) S 1 2 3", statOf("sleep", "S").replace("987654", "-1")])(
  "%j proves no life",
  (stat) => {
    expect(parseProcStat(stat)).toEqual({ alive: false });
  },
);

test("garbage proves no life", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseProcStat(text)).toEqual({ alive: false });
    }),
  );
});
