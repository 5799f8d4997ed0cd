/** Which ended or vanished containers are looked for among the living, and what is made of those that are found. */
import { expect, test } from "vitest";
import { doubtsAbout, groupOf, withLeftBehind } from "@remotegpu/agent/core/runs/left-behind";
import { HOST, containerOf, exited, gpu, key, recordOf } from "../../../../support/samples/run-samples.ts";

const holding = { containerId: "gone", network: "ws-7", gpus: [gpu("a")], group: "/groups/gone" };
const removed = recordOf(key({ instance: "env-9", run: "run-9" }), { containerId: "gone", holding });

test("what the runtime calls running is not in doubt", () => {
  expect(doubtsAbout([containerOf(key())], [recordOf(key())])).toEqual([]);
});

test("a start that failed midway is: it may have left something", () => {
  const created = containerOf(key(), { state: "created" });

  expect(doubtsAbout([created], [])).toEqual([{ containerId: created.containerId, group: null }]);
});

test("what ended, what is being removed and what is removed is, in the group of its start", () => {
  const ended = containerOf(key(), exited(0));
  const going = containerOf(key({ run: "run-2" }), { state: "removing" });
  const known = recordOf(key(), {
    holding: { ...holding, containerId: ended.containerId, group: "/groups/1" },
  });

  expect(doubtsAbout([ended, going], [known, removed])).toEqual([
    { containerId: ended.containerId, group: "/groups/1" },
    { containerId: going.containerId, group: null },
    { containerId: "gone", group: "/groups/gone" },
  ]);
  expect(groupOf("gone", [known, removed])).toBe("/groups/gone");
});

test("a container without anything alive stays as it was reported", () => {
  const observed = [containerOf(key(), exited(0)), containerOf(key({ run: "run-2" }))];
  const alive = new Map([[observed[0]?.containerId ?? "", []]]);

  expect(withLeftBehind(observed, { hostId: HOST, runs: [removed], alive })).toEqual(observed);
});

test("one of which something lives is left behind, whatever it was reported to be", () => {
  const ended = containerOf(key(), exited(0));
  const alive = new Map([[ended.containerId, [11, 12]]]);

  expect(withLeftBehind([ended], { hostId: HOST, runs: [], alive })).toEqual([
    { ...ended, status: { state: "left-behind", pids: [11, 12] } },
  ]);
});

test("a removed one comes back with what its record lists as held", () => {
  expect(
    withLeftBehind([], { hostId: HOST, runs: [removed], alive: new Map([["gone", [11]]]) }),
  ).toMatchObject([
    {
      containerId: "gone",
      owner: { hostId: HOST, runId: "run-9", instanceId: "env-9", network: "ws-7", gpus: [gpu("a")] },
      status: { state: "left-behind", pids: [11] },
    },
  ]);
});
