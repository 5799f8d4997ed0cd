/** Whose figures go into which heartbeat. */
import { expect, test } from "vitest";
import { FigureWatch } from "@remotegpu/agent/loop/watch/figure-watch";
import type { RunId } from "@remotegpu/shared/values/ids";
import { MAX_FIGURES } from "@remotegpu/shared/instance/instance-figures";
import { memoryLog } from "../../../../support/memory-log.ts";
import { containerOf, exited, key } from "../../../../support/samples/run-samples.ts";

const FIGURES = { cpuMs: 7, networkInBytes: 1, networkOutBytes: 2, lastOutputAgeMs: null };
const containers = (count: number) =>
  Array.from({ length: count }, (_, at) => containerOf(key({ instance: `env-${at}`, run: `run-${at}` })));
const watch = (...replicas: string[]) =>
  new FigureWatch({
    read: () => FIGURES,
    replicas: () => new Set(replicas as RunId[]),
    log: memoryLog(),
  });

test("each container's figures are reported once a minute", () => {
  const figures = watch();
  const [one] = containers(1);

  expect(figures.next([one!], 0)).toEqual([{ ...key({ instance: "env-0", run: "run-0" }), ...FIGURES }]);
  expect(figures.next([one!], 59_999)).toEqual([]);
  expect(figures.next([one!], 60_000)).toHaveLength(1);
});

test("a container that comes within the minute is reported at once", () => {
  const figures = watch();
  const [one, other] = containers(2);
  figures.next([one!], 0);

  expect(figures.next([one!, other!], 10_000).map(({ runId }) => runId)).toEqual(["run-1"]);
});

test("of more than one heartbeat holds the others follow in the next ones", () => {
  const figures = watch();
  const many = containers(2 * MAX_FIGURES + 1);

  const reported = [0, 1, 2, 3].map((beat) => figures.next(many, beat * 10_000).map(({ runId }) => runId));

  expect(reported.map(({ length }) => length)).toEqual([MAX_FIGURES, MAX_FIGURES, 1, 0]);
  expect(new Set(reported.flat()).size).toBe(many.length);
});

test("a replica's figures are reported in each heartbeat, and crowd out no other's", () => {
  const many = containers(MAX_FIGURES + 1);
  const figures = watch(...many.slice(1).map(({ owner }) => owner.runId));

  const reported = [0, 1, 2, 6].map((beat) => figures.next(many, beat * 10_000).map(({ runId }) => runId));

  expect(reported.map(({ length }) => length)).toEqual([MAX_FIGURES, MAX_FIGURES, MAX_FIGURES, MAX_FIGURES]);
  expect(reported.map((runs) => runs.includes("run-0" as RunId))).toEqual([true, false, false, true]);
  expect(reported[1]).toContain(`run-${MAX_FIGURES}`);
});

test("one that cannot be read, or does not run, costs no other", () => {
  const log = memoryLog();
  const figures = new FigureWatch({
    read: ({ owner }) => {
      if (owner.runId === "run-0") throw new Error("no permission");
      return FIGURES;
    },
    replicas: () => new Set(),
    log,
  });
  const ended = containerOf(key({ instance: "env-9", run: "run-9" }), exited(0));

  expect(figures.next([...containers(2), ended], 0).map(({ runId }) => runId)).toEqual(["run-1"]);
  expect(log.lines).toMatchObject([{ level: "warn" }]);
});
