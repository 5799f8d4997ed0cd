/** How the desired set stands to each run that the host knows. */
import { describe, expect, test } from "vitest";
import { isUnsettled, ownedContainers, runNow, runViews } from "@remotegpu/agent/core/runs/run-view";
import type { Knowledge } from "@remotegpu/agent/core/runs/run-view";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { HostId } from "@remotegpu/shared/values/ids";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  HOST,
  RUNNING,
  containerOf,
  exited,
  instanceId,
  key,
  recordOf,
} from "../../../../support/samples/run-samples.ts";

function order(changes: Partial<Omit<DesiredInstance, "spec">> = {}): DesiredInstance {
  return desiredOf("x", {}, { ...key(), ...changes });
}

const known = (knowledge: Partial<Knowledge>): Knowledge => ({
  hostId: HOST,
  desired: [],
  observed: [],
  runs: [],
  unserved: [],
  knownEpochs: new Map(),
  ...knowledge,
});
const end = {
  phase: "failed",
  problem: "exited",
  detail: "It died.",
  exitCode: 1,
  orderedBy: null,
} as const;
const dead = containerOf(key(), exited(1));
const up = containerOf(key(), RUNNING);

function states(knowledge: Partial<Knowledge>) {
  return runViews(known(knowledge)).map(
    (view) => `${view.key.instanceId}/${view.key.placementEpoch}/${view.key.runId}: ${view.state.kind}`,
  );
}

describe("state", () => {
  test.each([
    ["running", "wanted"],
    ["stopped", "to-stop"],
    ["removed", "to-remove"],
  ] as const)("want %s is %s", (want, kind) => {
    expect(states({ desired: [order({ want })] })).toEqual([`env-1/1/run-1: ${kind}`]);
  });

  test("a run that only the host knows is an orphan", () => {
    expect(states({ runs: [recordOf(key())] })).toEqual(["env-1/1/run-1: orphan"]);
    expect(states({ observed: [containerOf(key())] })).toEqual(["env-1/1/run-1: orphan"]);
  });

  test("a new run of the same placement supersedes the old one", () => {
    expect(states({ desired: [order(key({ run: "run-2" }))], observed: [containerOf(key())] })).toEqual([
      "env-1/1/run-2: wanted",
      "env-1/1/run-1: superseded",
    ]);
  });

  test.each(["stopped", "removed"] as const)("also one of which %s is wanted by now", (want) => {
    const newer = order({ ...key({ run: "run-2" }), want });

    expect(states({ desired: [newer], observed: [containerOf(key())] })).toContain(
      "env-1/1/run-1: superseded",
    );
    expect(states({ desired: [newer], runs: [recordOf(key())] })).toContain("env-1/1/run-1: superseded");
  });

  test("a higher epoch supersedes a lower one, wanted or forgotten", () => {
    const newer = order(key({ epoch: 2, run: "run-2" }));

    expect(states({ desired: [newer], observed: [containerOf(key())] })).toContain(
      "env-1/1/run-1: superseded",
    );
    expect(states({ desired: [order(), newer] })).toEqual([
      "env-1/1/run-1: superseded",
      "env-1/2/run-2: wanted",
    ]);
  });

  test("a higher epoch that is itself to stop supersedes nothing", () => {
    const newer = order({ ...key({ epoch: 2, run: "run-2" }), want: "stopped" });

    expect(states({ desired: [newer], runs: [recordOf(key())] })).toContain("env-1/1/run-1: orphan");
  });

  test("an old epoch's own order to stop or remove still counts beside a newer epoch", () => {
    const newer = order(key({ epoch: 2, run: "run-2" }));

    expect(states({ desired: [order({ want: "stopped" }), newer] })).toContain("env-1/1/run-1: to-stop");
    expect(states({ desired: [order({ want: "removed" }), newer] })).toContain("env-1/1/run-1: to-remove");
  });

  test("an epoch lower than any known is refused, whoever knows the higher one", () => {
    const desired = [order()];
    const higher = key({ epoch: 2, run: "run-2" });

    for (const knowledge of [
      { runs: [recordOf(higher)] },
      { observed: [containerOf(higher, exited(0))] },
      { knownEpochs: new Map([[instanceId("env-1"), 2]]) },
    ])
      expect(states({ desired, ...knowledge })).toContain("env-1/1/run-1: refused");
    expect(states({ desired, knownEpochs: new Map([[instanceId("env-1"), 1]]) })).toEqual([
      "env-1/1/run-1: wanted",
    ]);
    expect(states({ desired, knownEpochs: new Map([[instanceId("env-2"), 9]]) })).toEqual([
      "env-1/1/run-1: wanted",
    ]);
  });

  test("two orders of one placement do not push each other away", () => {
    expect(states({ desired: [order(), order(key({ run: "run-2" }))] })).toEqual([
      "env-1/1/run-1: wanted",
      "env-1/1/run-2: wanted",
    ]);
  });
});

test("order, record and container of one run stand in one view", () => {
  const [view, ...more] = runViews({
    hostId: HOST,
    desired: [order()],
    observed: [containerOf(key())],
    runs: [recordOf(key())],
    unserved: [],
    knownEpochs: new Map(),
  });

  expect(more).toEqual([]);
  expect(view).toEqual({
    key: key(),
    state: { kind: "wanted", desired: order() },
    record: recordOf(key()),
    container: containerOf(key()),
  });
});

test("of two containers of one run the running one is the run's", () => {
  const dead = { ...containerOf(key(), exited(1)), containerId: "dead" };
  const alive = { ...containerOf(key(), RUNNING), containerId: "alive" };

  const [view] = runViews({
    hostId: HOST,
    desired: [],
    observed: [dead, alive],
    runs: [],
    unserved: [],
    knownEpochs: new Map(),
  });

  expect(view?.container?.containerId).toBe("alive");
});

test("containers without labels or with another host's id are not ours", () => {
  const unlabelled = { ...containerOf(key()), owner: null };
  const foreign = containerOf(key(), RUNNING, { hostId: "host-b" as HostId });
  const own = containerOf(key());

  expect(ownedContainers({ hostId: HOST, observed: [unlabelled, foreign, own] })).toEqual([own]);
});

describe("a run now", () => {
  const now = (knowledge: Partial<Knowledge>) => runNow(known(knowledge), key());

  test.each<[string, Partial<Knowledge>, string]>([
    ["that nobody knows", {}, "unknown"],
    ["of which only others know", { runs: [recordOf(key({ run: "run-2" }))] }, "unknown"],
    ["that is wanted and not there yet", { desired: [order()] }, "alive"],
    ["that is wanted and runs", { desired: [order()], observed: [up], runs: [recordOf(key())] }, "alive"],
    [
      "that has died and is started again",
      { desired: [order()], observed: [dead], runs: [recordOf(key())] },
      "alive",
    ],
    ["that has ended", { desired: [order()], observed: [dead], runs: [recordOf(key(), { end })] }, "over"],
    ["that is to stop and has stopped", { desired: [order({ want: "stopped" })], observed: [dead] }, "over"],
    [
      "that is to be removed and still runs",
      { desired: [order({ want: "removed" })], observed: [up] },
      "alive",
    ],
    ["that runs and nobody asks for", { observed: [up] }, "alive"],
    ["that ran and nobody asks for", { observed: [dead] }, "over"],
  ])("%s", (_what, knowledge, state) => {
    expect(now(knowledge).state).toBe(state);
  });

  test("has the container that is its own", () => {
    const other = containerOf(key({ run: "run-2" }));

    expect(now({ observed: [other, dead] }).container).toBe(dead);
  });
});

describe("a host is", () => {
  test.each<[string, Partial<Knowledge>]>([
    ["where nothing is wanted", {}],
    ["where what is wanted runs", { desired: [order()], observed: [up] }],
    ["where what is wanted has ended for good", { desired: [order()], runs: [recordOf(key(), { end })] }],
    ["where what is to stop has stopped", { desired: [order({ want: "stopped" })], observed: [dead] }],
    ["where something runs that nobody asks for", { observed: [up] }],
  ])("settled %s", (_what, knowledge) => {
    expect(isUnsettled(known(knowledge))).toBe(false);
  });

  test.each<[string, Partial<Knowledge>]>([
    ["where what is wanted is not there yet", { desired: [order()] }],
    ["where it has died and comes back", { desired: [order()], observed: [dead], runs: [recordOf(key())] }],
    ["where another run of it runs", { desired: [order()], observed: [containerOf(key({ run: "run-2" }))] }],
    ["where what is to stop still runs", { desired: [order({ want: "stopped" })], observed: [up] }],
    ["where what is to go still runs", { desired: [order({ want: "removed" })], observed: [up] }],
  ])("unsettled %s", (_what, knowledge) => {
    expect(isUnsettled(known(knowledge))).toBe(true);
  });
});
