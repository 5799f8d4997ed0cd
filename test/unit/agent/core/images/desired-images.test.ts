/** Which images are wanted on a host, and which wishes share a pull. */
import { describe, expect, test } from "vitest";
import { desiredImages, pullKey, desiredImageOf } from "@remotegpu/agent/core/images/desired-images";
import type { Knowledge } from "@remotegpu/agent/core/runs/run-view";
import type { DesiredFetch, FetchId } from "@remotegpu/shared/instance/image-fetch";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { BUSYBOX_IMAGE, desiredOf } from "../../../../support/samples/desired-instance.ts";
import { imageOfOrder, termsOf } from "../../../../support/samples/desired-images.ts";
import { containerOf, exited, HOST, key, recordOf } from "../../../../support/samples/run-samples.ts";

const order = (changes: Partial<Omit<DesiredInstance, "spec">> = {}) =>
  desiredOf("x", {}, { ...key(), imageTerms: termsOf("ann"), ...changes });
const fetch: DesiredFetch = { fetchId: "f-1" as FetchId, image: "ghcr.io/a/b:1", terms: termsOf("ben") };
const end = {
  phase: "failed",
  problem: "image-missing",
  detail: "",
  exitCode: null,
  orderedBy: null,
} as const;
const stop = { cause: "ordered", orderedBy: "customer", detail: "" } as const;

function wishers(knowledge: Partial<Knowledge>, fetches: readonly DesiredFetch[] = []) {
  const whole = {
    hostId: HOST,
    desired: [order()],
    unserved: [],
    observed: [],
    runs: [],
    knownEpochs: new Map(),
  };
  return desiredImages({ ...whole, ...knowledge }, fetches).map(({ wisher }) => wisher);
}

describe("wanted", () => {
  test.each<[string, Partial<Knowledge>, string[]]>([
    ["by an order that has not begun", {}, ["run run-1"]],
    ["by one whose start is tried again", { runs: [recordOf(key(), { containerId: null })] }, ["run run-1"]],
    ["no more with a container, whatever its state", { observed: [containerOf(key(), exited(1))] }, []],
    ["no more once its run has ended", { runs: [recordOf(key(), { end })] }, []],
    ["no more once it is stopped", { runs: [recordOf(key(), { stop })] }, []],
    [
      "by nobody whose order is to stop",
      { desired: [order({ want: "stopped", orderedBy: "customer" })] },
      [],
    ],
    ["by nobody whose order is to go", { desired: [order({ want: "removed", orderedBy: "customer" })] }, []],
    ["by nobody whose placement is refused", { knownEpochs: new Map([[key().instanceId, 2]]) }, []],
    ["by nobody", { desired: [] }, []],
  ])("%s", (_what, knowledge, expected) => {
    expect(wishers(knowledge)).toEqual(expected);
  });

  test("by fetches, for as long as they are ordered", () => {
    expect(wishers({}, [fetch])).toEqual(["run run-1", "fetch f-1"]);
    expect(wishers({ desired: [] }, [])).toEqual([]);
  });
});

test("an order without terms belongs to its network", () => {
  const { imageTerms: _none, ...before } = order();

  expect(desiredImageOf(before)).toMatchObject({ image: BUSYBOX_IMAGE, owner: "ws-1", terms: undefined });
});

test.each([
  ["the same image, whoever wants it", imageOfOrder("x:1", "ann"), imageOfOrder("x:1", "ben"), true],
  ["another image", imageOfOrder("x:1", "ann"), imageOfOrder("x:2", "ann"), false],
  ["another credential", imageOfOrder("x:1", "ann"), imageOfOrder("x:1", "ann", { credential: "c" }), false],
  [
    "other routes allowed",
    imageOfOrder("x:1", "ann"),
    imageOfOrder("x:1", "ann", { mayBePrivate: false }),
    false,
  ],
])("a pull is shared: %s", (_what, one, other, isShared) => {
  expect(pullKey(one) === pullKey(other)).toBe(isShared);
});
