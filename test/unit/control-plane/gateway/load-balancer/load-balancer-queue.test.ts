import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import {
  DEFAULT_BOUNDS,
  type ServiceRoute,
} from "@remotegpu/control-plane/server/core/gateway/services/service-route";
import { MAX_LISTED } from "@remotegpu/control-plane/server/core/gateway/services/gateway-report";
import {
  type Given,
  LoadBalancerQueue,
  type Taken,
} from "@remotegpu/control-plane/gateway/load-balancer/load-balancer-queue";

const NO_HANDLERS = new Set<string>();
const WAKES = { wakes: true };
const stays = () => new AbortController().signal;

function route(replicas: readonly string[], change: Partial<ServiceRoute> = {}): ServiceRoute {
  return {
    id: "svc-1",
    name: "chat",
    status: "running",
    statusReason: null,
    isPublic: false,
    corsOrigins: [],
    bounds: { ...DEFAULT_BOUNDS, maxInFlight: 1, maxQueued: 2, queueSeconds: 30 },
    gateways: 1,
    sleep: "never",
    replicas: replicas.map((id) => ({
      instanceId: id as InstanceId,
      hostId: "h-1" as HostId,
      port: 8000,
      revision: 1,
    })),
    ...change,
  };
}

const given = (taken: Taken): Given => {
  if (taken.kind !== "given") throw new Error(`was not given: ${taken.kind}`);
  return taken;
};
const where = (taken: Taken) => given(taken).place.instanceId;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function lineOf(first: ServiceRoute, wake: () => void = () => undefined): LoadBalancerQueue {
  return new LoadBalancerQueue(first, { nowMs: () => Date.now(), wake });
}

describe("a line", () => {
  test("gives each request to the replica with the least to do", async () => {
    const line = lineOf(route(["a", "b"]));
    const taken = [
      await line.take(NO_HANDLERS, stays(), WAKES),
      await line.take(NO_HANDLERS, stays(), WAKES),
    ];
    expect(taken.map(where).toSorted()).toEqual(["a", "b"]);
  });

  test("lets those wait for whom there is no room, and serves them in the order in which they came", async () => {
    const line = lineOf(route(["a"]));
    const first = given(await line.take(NO_HANDLERS, stays(), WAKES));
    const served: string[] = [];
    const second = line.take(NO_HANDLERS, stays(), WAKES).then((taken) => (served.push("second"), taken));
    const third = line.take(NO_HANDLERS, stays(), WAKES).then((taken) => (served.push("third"), taken));
    first.done(true);
    given(await second).done(true);
    given(await third).done(true);
    expect(served).toEqual(["second", "third"]);
    expect(line.isIdle).toBe(true);
  });

  test("lists what is in flight at each replica, those that left the route apart, and of very many the sum alone", async () => {
    const few = lineOf(route(["a", "b"]));
    await few.take(NO_HANDLERS, stays(), WAKES);
    await few.take(NO_HANDLERS, stays(), WAKES);
    few.follow(route(["b"]));
    const many = lineOf(route(Array.from({ length: MAX_LISTED + 1 }, (_, nth) => `r-${nth}`)));
    for (let nth = 0; nth < MAX_LISTED; nth += 1) await many.take(NO_HANDLERS, stays(), WAKES);
    const { listed: all } = many.report;
    await many.take(NO_HANDLERS, stays(), WAKES);

    expect(few.report).toEqual({ inFlight: 2, held: 0, requests: 0, left: { a: 1 }, listed: { b: 1 } });
    expect(Object.keys(all ?? {})).toHaveLength(MAX_LISTED);
    expect(many.report).toEqual({ inFlight: MAX_LISTED + 1, held: 0, requests: 0, left: {} });
  });

  test("turns away whoever comes when as many wait as may, and reports whether anybody serves", async () => {
    const line = lineOf(route(["a"]));
    given(await line.take(NO_HANDLERS, stays(), WAKES));
    const waiting = [line.take(NO_HANDLERS, stays(), WAKES), line.take(NO_HANDLERS, stays(), WAKES)];
    expect(await line.take(NO_HANDLERS, stays(), WAKES)).toMatchObject({ kind: "full", isServing: true });
    line.follow(route([]));
    expect(await line.take(NO_HANDLERS, stays(), WAKES)).toMatchObject({ kind: "full", isServing: false });
    line.turnAway();
    expect((await Promise.all(waiting)).map(({ kind }) => kind)).toEqual(["waited", "waited"]);
    expect(await line.take(NO_HANDLERS, stays(), WAKES)).toMatchObject({ kind: "waited" });
  });

  test("lets nobody wait longer than they may, nor for somebody who is gone", async () => {
    const line = lineOf(route([]));
    const gone = new AbortController();
    const [left, waited] = [
      line.take(NO_HANDLERS, gone.signal, WAKES),
      line.take(NO_HANDLERS, stays(), WAKES),
    ];
    gone.abort();
    expect(await left).toMatchObject({ kind: "waited" });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await waited).toMatchObject({ kind: "waited", isServing: false });
    expect(line.isIdle).toBe(true);
  });

  test("serves those who wait as soon as a replica serves", async () => {
    const line = lineOf(route([]));
    const waiting = line.take(NO_HANDLERS, stays(), WAKES);
    line.follow(route(["b"]));
    expect(where(await waiting)).toBe("b");
  });

  test("calls those who waited a few at a time to what has just begun to serve, and one more with each answer", async () => {
    const open = { ...DEFAULT_BOUNDS, maxInFlight: null, maxQueued: 100 };
    const line = lineOf(route([], { bounds: open }));
    const called: Given[] = [];
    const waiting = Array.from({ length: 30 }, () =>
      line.take(NO_HANDLERS, stays(), WAKES).then((taken) => called.push(given(taken))),
    );
    const calledAfter = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
      return called.length;
    };

    line.follow(route(["a"], { bounds: open }));
    const atOnce = await calledAfter(0);
    called[0]?.done(true);
    const withAnAnswer = await calledAfter(0);
    called[1]?.done(false);
    const withAFailure = await calledAfter(0);
    const later = await calledAfter(20);
    await calledAfter(40);
    await Promise.all(waiting);

    expect({ atOnce, withAnAnswer, withAFailure, later }).toEqual({
      atOnce: 8,
      withAnAnswer: 9,
      withAFailure: 9,
      later: 17,
    });
  });

  test("sends those away at once of a service that is stopped", async () => {
    const line = lineOf(route([]));
    const waiting = line.take(NO_HANDLERS, stays(), WAKES);
    line.follow(route(["a"], { status: "stopping" }));
    expect(await waiting).toMatchObject({ kind: "closed" });
    expect(await line.take(NO_HANDLERS, stays(), WAKES)).toMatchObject({ kind: "closed" });
  });

  test("gives nothing to a replica that has left, and keeps what it still has open", async () => {
    const line = lineOf(route(["a", "b"]));
    const open = given(await line.take(NO_HANDLERS, stays(), WAKES));
    const other = open.place.instanceId === "a" ? "b" : "a";
    line.follow(route([other]));
    expect(where(await line.take(NO_HANDLERS, stays(), WAKES))).toBe(other);
    expect(line.isIdle).toBe(false);
    open.done(true);
    line.follow(route([open.place.instanceId]));
    expect(where(await line.take(NO_HANDLERS, stays(), WAKES))).toBe(open.place.instanceId);
  });

  test.each([
    [2, 8, 4],
    [3, 8, 2],
    [16, 8, 1],
    [0, 8, 8],
  ])(
    "gives a replica, as one of %d gateways, its part of %d requests at once, one at least: %d",
    async (gateways, maxInFlight, part) => {
      const bounds = { ...DEFAULT_BOUNDS, maxInFlight, maxQueued: 0 };
      const line = lineOf(route(["a"], { bounds, gateways }));

      const taken = await Promise.all(
        Array.from({ length: 9 }, () => line.take(NO_HANDLERS, stays(), WAKES)),
      );

      expect(taken.filter(({ kind }) => kind === "given")).toHaveLength(part);
    },
  );

  test("passes by a replica at which this request has failed already", async () => {
    const line = lineOf(route(["a", "b"], { bounds: { ...DEFAULT_BOUNDS } }));
    for (let time = 0; time < 4; time += 1)
      expect(where(await line.take(new Set(["a"]), stays(), WAKES))).toBe("b");
  });

  test("tries a replica again at which it has failed where the one that it waited for has left", async () => {
    const line = lineOf(route(["a", "b"]));
    const busy = given(await line.take(new Set(["a"]), stays(), WAKES));
    const waiting = line.take(new Set(["a"]), stays(), WAKES);

    line.follow(route(["a"]));

    expect(busy.place.instanceId).toBe("b");
    expect(where(await waiting)).toBe("a");
  });
});

describe("requests that reached none of the replicas", () => {
  const ROOM_FOR_TWO = { bounds: { ...DEFAULT_BOUNDS, maxQueued: 2 } };
  const { signal: first } = new AbortController();

  test("wait among those that may, and are tried again after a while", async () => {
    const line = lineOf(route(["a"], ROOM_FOR_TWO));
    const again = [line.rest(first), line.rest(stays())];

    expect(await line.rest(stays())).toMatchObject({ kind: "full", isServing: false });
    expect([line.report.held, line.isIdle]).toEqual([2, false]);
    line.follow(route([], ROOM_FOR_TWO));
    expect(await line.take(NO_HANDLERS, stays(), WAKES)).toMatchObject({ kind: "full" });
    await vi.advanceTimersByTimeAsync(500);
    expect(await Promise.all(again)).toEqual([null, null]);
  });

  test("keep their places while they are tried, and until they are answered", async () => {
    const line = lineOf(route(["a"], { bounds: { ...DEFAULT_BOUNDS, maxQueued: 1 } }));
    const rested = line.rest(first);
    await vi.advanceTimersByTimeAsync(500);
    await rested;

    given(await line.take(NO_HANDLERS, first, WAKES)).done(false);
    expect(await line.rest(stays())).toMatchObject({ kind: "full" });
    expect(line.report.held).toBe(0);
    const backoffsAgain = line.rest(first);
    await vi.advanceTimersByTimeAsync(500);
    expect(await backoffsAgain).toBeNull();

    line.leave(first);
    expect(line.isIdle).toBe(true);
    void line.rest(stays());
    expect(line.report.held).toBe(1);
  });

  test("have one place alone where they wait for a busy one", async () => {
    const line = lineOf(route(["a"], { bounds: { ...DEFAULT_BOUNDS, maxInFlight: 1, maxQueued: 1 } }));
    const rested = line.rest(first);
    await vi.advanceTimersByTimeAsync(500);
    await rested;
    const busy = given(await line.take(NO_HANDLERS, stays(), WAKES));

    const waiting = line.take(NO_HANDLERS, first, WAKES);
    expect(line.report.held).toBe(1);
    busy.done(true);
    expect(where(await waiting)).toBe("a");
  });

  test("are gone with their client, and sent away by a gateway that ends", async () => {
    const line = lineOf(route(["a"], ROOM_FOR_TWO));
    const gone = new AbortController();
    const [left, stayed] = [line.rest(gone.signal), line.rest(stays())];

    gone.abort();
    await left;
    line.leave(gone.signal);
    expect(line.report.held).toBe(1);
    line.turnAway();
    expect(await stayed).toMatchObject({ kind: "waited", reason: "gateway-ending" });
    expect(await line.rest(stays())).toMatchObject({ kind: "waited" });
  });
});

describe("a line of a service that sleeps", () => {
  const ASLEEP = { sleep: "asleep" } as const;

  test("wakes it for whoever comes, and again for whoever waits still, until it is awake", async () => {
    const wake = vi.fn();
    const line = lineOf(route([], ASLEEP), wake);
    expect(wake).not.toHaveBeenCalled();
    const waiting = line.take(NO_HANDLERS, stays(), WAKES);
    expect(wake).toHaveBeenCalledTimes(1);
    line.follow(route([], ASLEEP));
    expect(wake).toHaveBeenCalledTimes(2);
    line.follow(route([], { sleep: "awake" }));
    expect(line.awaitsFirst).toBe(true);
    line.follow(route(["a"], { sleep: "awake" }));
    expect(where(await waiting)).toBe("a");
    expect(line.awaitsFirst).toBe(false);
    line.follow(route([], ASLEEP));
    expect(wake).toHaveBeenCalledTimes(2);
  });

  test("lets requests wait for as long as a start may take", async () => {
    const line = lineOf(route([], ASLEEP));
    let over = false;
    const waiting = line.take(NO_HANDLERS, stays(), WAKES).finally(() => (over = true));
    await vi.advanceTimersByTimeAsync(299_000);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waiting).toMatchObject({ kind: "waited" });
  });

  test("neither wakes it for whoever may not, nor lets them wait or counts them, and ends their wait once it sleeps", async () => {
    const wake = vi.fn();
    const line = lineOf(route([], ASLEEP), wake);
    const sleeps = { kind: "closed", reason: "service-asleep" };
    const requests = async () => {
      line.count({ wakes: false });
      return await line.take(NO_HANDLERS, stays(), { wakes: false });
    };

    expect(await requests()).toMatchObject(sleeps);
    expect([line.report, wake.mock.calls]).toMatchObject([{ held: 0, requests: 0 }, []]);

    line.follow(route([], { sleep: "awake" }));
    const waiting = requests();
    expect(line.report).toMatchObject({ held: 1, requests: 1 });
    line.follow(route([], ASLEEP));
    expect(await waiting).toMatchObject(sleeps);
    expect(wake).not.toHaveBeenCalled();

    line.follow(route(["a"], ASLEEP));
    expect(where(await requests())).toBe("a");
  });

  test("nor does whoever may not when they wait for a replica that serves still, while others who wait do", async () => {
    const wake = vi.fn();
    const line = lineOf(route(["a"]), wake);
    given(await line.take(NO_HANDLERS, stays(), WAKES));
    const waiting = line.take(NO_HANDLERS, stays(), { wakes: false });
    line.follow(route(["a"], ASLEEP));
    line.count({ wakes: false });
    expect([line.report, wake.mock.calls]).toMatchObject([{ inFlight: 1, held: 0, requests: 0 }, []]);

    const woken = line.take(NO_HANDLERS, stays(), WAKES);
    expect(wake).toHaveBeenCalledTimes(1);
    expect(line.report).toMatchObject({ held: 1 });

    line.turnAway();
    await Promise.all([waiting, woken]);
  });

  test("wakes nothing that is stopped", async () => {
    const wake = vi.fn();
    const line = lineOf(route([], { ...ASLEEP, status: "stopped" }), wake);
    expect(await line.take(NO_HANDLERS, stays(), WAKES)).toMatchObject({ kind: "closed" });
    expect(wake).not.toHaveBeenCalled();
  });
});
