import { inWords } from "../../../../../support/reasons/in-words.ts";
import {
  countsToRequest,
  degradationOf,
  isRaiseDue,
  replicasReason,
  type StreamFound,
  type StreamState,
  troublesOf,
} from "@remotegpu/control-plane/server/core/ingest/journal-stream";
import { JournalKeeping } from "@remotegpu/control-plane/server/link/journal/journal-keeping";
import type { NatsConnection } from "nats";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
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

describe("the replicas that are requested", () => {
  test.each([
    ["a new stream of a cluster: three, else one, never two", null, true, [3, 1]],
    ["a new stream of one server", null, false, [1]],
    ["one replica in a cluster is raised", 1, true, [3]],
    ["two, as somebody else made it, are raised", 2, true, [3]],
    ["three stay", 3, true, []],
    ["five are not lowered", 5, true, []],
    ["one on one server stays", 1, false, []],
    ["three that one server is left of are not lowered", 3, false, []],
  ])("%s", (_, replicas, isClustered, requested) => {
    expect(countsToRequest({ replicas, isClustered })).toEqual(requested);
  });
});

test.each([
  ["never requested before", null, 0, true],
  ["other servers than then", { seen: "one", tries: 9, atMs: 0 }, 1, true],
  ["the first time is a moment ago", { seen: "two", tries: 1, atMs: 0 }, 1_999, false],
  ["the first time is a while ago", { seen: "two", tries: 1, atMs: 0 }, 2_000, true],
  ["refused often, less than a minute ago", { seen: "two", tries: 50, atMs: 0 }, 59_999, false],
  ["refused often, a minute ago", { seen: "two", tries: 50, atMs: 0 }, 60_000, true],
])("more replicas are requested again: %s", (_, last, nowMs, expected) => {
  expect(isRaiseDue(last, { seen: "two", nowMs })).toBe(expected);
});

describe("a cluster of two servers, checked every two seconds", () => {
  const tenMinutes = async (servers: (nowMs: number) => string[]) => {
    let nowMs = 0;
    const raisesAtMs: number[] = [];
    let serversRequested = 0;
    const keeping = new JournalKeeping({
      ensure: (_connection, { mayRaise }) => {
        if (mayRaise) raisesAtMs.push(nowMs);
        return Promise.resolve(found({ replicas: 1, refusal: mayRaise ? "no suitable peers" : null }));
      },
      servers: () => {
        serversRequested += 1;
        return Promise.resolve(servers(nowMs));
      },
      nowMs: () => nowMs,
    });
    const states: StreamState[] = [];
    for (; nowMs < 600_000; nowMs += 2_000) {
      const info = { server_id: "NATS-1", connect_urls: servers(nowMs) };
      // Nothing else of the connection is asked for.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      states.push(await keeping.check({ info } as NatsConnection));
    }
    return { raisesAtMs, serversRequested, states };
  };

  test("is requested to take three replicas, and who is there, once a minute, and is reported alike throughout", async () => {
    const { raisesAtMs, serversRequested, states } = await tenMinutes(() => ["nats-1", "nats-2"]);

    expect(raisesAtMs.slice(0, 6)).toEqual([0, 2_000, 6_000, 14_000, 30_000, 62_000]);
    expect(raisesAtMs).toHaveLength(14);
    expect(serversRequested).toBe(14);
    expect(new Set(states.map((state) => JSON.stringify(state))).size).toBe(1);
    expect(states.at(-1)).toMatchObject({ servers: ["nats-1", "nats-2"], refusal: "no suitable peers" });
  });

  test("gets the request at once when another server is seen", async () => {
    const { raisesAtMs } = await tenMinutes((nowMs) =>
      nowMs < 300_000 ? ["nats-1", "nats-2"] : ["nats-1", "nats-2", "nats-3"],
    );

    expect(raisesAtMs.filter((atMs) => atMs >= 300_000).slice(0, 3)).toEqual([300_000, 302_000, 306_000]);
  });
});

describe("what is reported to everyone", () => {
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

    const text = degradation === null ? "" : inEnglish(degradation.why);
    expect(degradation?.what).toBe(what);
    expect(text).toContain(why);
    expect(text).not.toContain("10.0.0.7");
  });
});

describe("what is reported to operators", () => {
  test("nothing of three replicas that are heard, nor of one on a server of its own", () => {
    expect(troublesOf(well()).size).toBe(0);
    expect(troublesOf(well({ replicas: 1, isClustered: false, servers: null })).size).toBe(0);
  });

  test("a stream that is away, with the engine's own words", () => {
    const troubles = troublesOf({ kind: "away", cause: "leader", detail: "TIMEOUT" });

    expect([...troubles.keys()]).toEqual(["away"]);
    expect(inWords(troubles.get("away"))).toContain("TIMEOUT");
  });

  test("too few replicas, with the servers that were seen", () => {
    const troubles = troublesOf(
      well({ replicas: 1, servers: ["nats-1", "nats-2"], refusal: "no suitable peers" }),
    );

    expect(inWords(troubles.get("replicas"))).toBe(
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
])("the sentence of %j states how many replicas there are and why", (state, sentence) => {
  expect(inEnglish(replicasReason(state))).toMatch(sentence);
});
