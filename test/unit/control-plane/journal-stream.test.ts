import {
  countsToAsk,
  degradationOf,
  replicasSentence,
  type StreamFound,
  type StreamState,
  troublesOf,
} from "@remotegpu/control-plane/core/journal-stream";
import { describe, expect, test } from "vitest";

const found = (change: Partial<StreamFound> = {}): StreamFound => ({
  replicas: 3,
  silent: [],
  servers: null,
  isClustered: true,
  refusal: null,
  ...change,
});
const well = (change: Partial<StreamFound> = {}): StreamState => ({ kind: "well", ...found(change) });

describe("the replicas that are asked for", () => {
  test.each([
    ["a new stream of a cluster: three, else one, never two", null, true, [3, 1]],
    ["a new stream of one server", null, false, [1]],
    ["one replica in a cluster is raised", 1, true, [3]],
    ["two, as somebody else made it, are raised", 2, true, [3]],
    ["three stay", 3, true, []],
    ["five are not lowered", 5, true, []],
    ["one on one server stays", 1, false, []],
    ["three that one server is left of are not lowered", 3, false, []],
  ])("%s", (_, replicas, isClustered, asked) => {
    expect(countsToAsk({ replicas, isClustered })).toEqual(asked);
  });
});

describe("what everyone is told", () => {
  test("a stream that is there is nothing to speak of, whatever its replicas", () => {
    expect(degradationOf(well({ replicas: 1 }))).toBeNull();
  });

  test.each([
    ["nats", "nats", "NATS does not answer"],
    ["jetstream", "jetstream", "serves no JetStream"],
    ["leader", "jetstream", "has no leader"],
    ["refused", "jetstream", "refuses the journal stream"],
  ] as const)("%s: what is away and why, without the engine's own words", (cause, what, why) => {
    const degradation = degradationOf({ kind: "away", cause, detail: "10.0.0.7 says no" });

    expect(degradation).toEqual({ what, why: expect.stringContaining(why) });
    expect(degradation?.why).not.toContain("10.0.0.7");
  });
});

describe("what operators are told", () => {
  test("nothing of three replicas that are heard, nor of one on a server of its own", () => {
    expect(troublesOf(well()).size).toBe(0);
    expect(troublesOf(well({ replicas: 1, isClustered: false, servers: null })).size).toBe(0);
  });

  test("a stream that is away, with the engine's own words", () => {
    const troubles = troublesOf({ kind: "away", cause: "leader", detail: "TIMEOUT" });

    expect([...troubles.keys()]).toEqual(["away"]);
    expect(troubles.get("away")).toContain("TIMEOUT");
  });

  test("too few replicas, with the servers that were seen", () => {
    const troubles = troublesOf(
      well({ replicas: 1, servers: ["nats-1", "nats-2"], refusal: "no suitable peers" }),
    );

    expect(troubles.get("replicas")).toBe(
      "The journal stream has one replica, since no 3 servers of the cluster accept it; it is raised by itself once they do. Servers with JetStream seen: 2 (nats-1, nats-2). NATS says: no suitable peers.",
    );
  });

  test("each server that holds a replica and is not heard", () => {
    expect([...troublesOf(well({ silent: ["nats-2"] })).keys()]).toEqual(["silent nats-2"]);
  });
});

test.each([
  [found({ replicas: 1, isClustered: false }), "The journal stream has one replica: its NATS is one server."],
  [found(), "The journal stream has 3 replicas."],
  [found({ replicas: 1, servers: [] }), /seen: 0 \(none\)\.$/],
])("the sentence of %j says how many replicas there are and why", (state, sentence) => {
  expect(replicasSentence(state)).toMatch(sentence);
});
