import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { describe, expect, test } from "vitest";
import {
  FETCH_LIMIT_MS,
  fetchEnd,
  fetchEndReason,
  fetchReason,
  HELD_WHILE_PULLED_MS,
  imageReason,
  MAX_FETCHES_OF_CUSTOMER,
  mayNotGoOn,
  mayTakeBack,
  type OpenFetch,
  type PlacedForImage,
  type PullProgress,
} from "@remotegpu/control-plane/server/core/hosts/images/image-fetch";
import {
  MAX_FETCHES_OF_HOST,
  PULL_PROBLEM_REASONS,
  PULL_PROBLEMS,
} from "@remotegpu/shared/instance/image-fetch";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { INSTANCE_STATES } from "@remotegpu/shared/values/workload";
import type { Reason } from "@remotegpu/control-plane/server/core/reasons/reason";

const PLACED: PlacedForImage = {
  state: "starting",
  problem: null,
  hasContainer: false,
  hasBegun: false,
  placedAtMs: 1_000,
  pull: "pulling",
  isOfGang: false,
  fetchesOfHost: 0,
  fetchesOfCustomer: 0,
};
const DUE = PLACED.placedAtMs + HELD_WHILE_PULLED_MS;

describe("a placement that only waits for its image", () => {
  test("of a gang keeps its place, since its other ranks fetch at the same time", () => {
    expect(mayTakeBack({ ...PLACED, isOfGang: true }, DUE)).toBe(false);
  });

  test("keeps its place for two minutes and is taken back then", () => {
    expect(HELD_WHILE_PULLED_MS).toBe(120_000);
    expect(mayTakeBack(PLACED, DUE - 1)).toBe(false);
    expect(mayTakeBack(PLACED, DUE)).toBe(true);
  });

  test("is taken back as well where its pull waits for others", () => {
    expect(mayTakeBack({ ...PLACED, pull: "waiting" }, DUE)).toBe(true);
  });

  test.each<[string, Partial<PlacedForImage>]>([
    ["its host tells of no pull", { pull: null }],
    ["the image is there", { pull: "present" }],
    ["the pull has failed, which its host says of the placement itself", { pull: "failed" }],
    ["it has a container", { hasContainer: true }],
    ["time of it is proven", { hasBegun: true }],
    ["its host cannot see what runs", { problem: "runtime-down" }],
    ["its host has as many fetches as it can be told of", { fetchesOfHost: MAX_FETCHES_OF_HOST }],
  ])("keeps its place for good where %s", (_why, change) => {
    expect(mayTakeBack({ ...PLACED, ...change }, DUE * 1_000)).toBe(false);
  });

  test.each(INSTANCE_STATES.filter((state) => state !== "starting"))(
    "keeps its place where its host calls it %s",
    (state) => {
      expect(mayTakeBack({ ...PLACED, state }, DUE * 1_000)).toBe(false);
    },
  );

  test("may become the last fetch that its host can be notified of", () => {
    expect(mayTakeBack({ ...PLACED, fetchesOfHost: MAX_FETCHES_OF_HOST - 1 }, DUE)).toBe(true);
  });

  test("is taken back on a full host where it only joins its customer's own, of which the host is notified of four", () => {
    const full = { ...PLACED, fetchesOfHost: MAX_FETCHES_OF_HOST };

    expect(MAX_FETCHES_OF_CUSTOMER).toBe(4);
    expect(mayTakeBack({ ...full, fetchesOfCustomer: MAX_FETCHES_OF_CUSTOMER - 1 }, DUE)).toBe(false);
    expect(mayTakeBack({ ...full, fetchesOfCustomer: MAX_FETCHES_OF_CUSTOMER }, DUE)).toBe(true);
  });

  test("is taken back at once where its image may not be used any more, unless it has begun or has its image", () => {
    expect(mayNotGoOn(PLACED)).toBe(true);
    for (const change of [
      { pull: null },
      { hasContainer: true },
      { hasBegun: true },
      { state: "ready" },
    ] as const)
      expect(mayNotGoOn({ ...PLACED, ...change })).toBe(false);
  });
});

describe("a fetch", () => {
  const OPEN: OpenFetch = {
    sinceMs: 5_000,
    pulledMs: 0,
    pullingSinceMs: null,
    isWaitedFor: true,
    isServed: true,
    isAllowed: true,
    reported: null,
  };
  const pulling = { state: "pulling", problem: null } as const;
  const TOO_SLOW = { outcome: "failed", problem: "too-slow" };

  test.each<[string, Partial<OpenFetch>]>([
    ["since it began", { pullingSinceMs: OPEN.sinceMs }],
    ["since it had its turn", { sinceMs: OPEN.sinceMs - FETCH_LIMIT_MS + 1, pullingSinceMs: OPEN.sinceMs }],
    ["with a pause", { sinceMs: 0, pulledMs: 4_000, pullingSinceMs: OPEN.sinceMs + 4_000 }],
  ])("goes on for an hour while its host pulls: %s", (_since, change) => {
    const fetch = { ...OPEN, reported: pulling, ...change };

    expect(fetchEnd(fetch, OPEN.sinceMs + FETCH_LIMIT_MS - 1)).toBeNull();
    expect(fetchEnd(fetch, OPEN.sinceMs + FETCH_LIMIT_MS)).toEqual(TOO_SLOW);
  });

  test.each<[string, Partial<OpenFetch>]>([
    ["its host has said nothing", {}],
    ["its host lets it wait", { reported: { state: "waiting", problem: null } }],
    ["it was pulled for a while", { sinceMs: OPEN.sinceMs - 4_000, pulledMs: 4_000 }],
  ])("that only waits for an hour ends without an error: %s", (_why, change) => {
    expect(fetchEnd({ ...OPEN, ...change }, OPEN.sinceMs + FETCH_LIMIT_MS - 1)).toBeNull();
    expect(fetchEnd({ ...OPEN, ...change }, OPEN.sinceMs + FETCH_LIMIT_MS)).toEqual({ outcome: "not-begun" });
  });

  test("ends where its image may not be used any more", () => {
    expect(fetchEnd({ ...OPEN, reported: pulling, isAllowed: false }, 6_000)).toEqual({
      outcome: "not-allowed",
    });
    expect(inEnglish(fetchEndReason("a", { outcome: "not-allowed" }))).toBe(
      textOf(PULL_PROBLEM_REASONS["not-allowed"]),
    );
  });

  test.each(PULL_PROBLEMS)("fails for the reason that its host gives: %s", (problem) => {
    const end = { outcome: "failed", problem } as const;

    expect(fetchEnd({ ...OPEN, reported: { state: "failed", problem } }, 6_000)).toEqual(end);
    expect(inEnglish(fetchEndReason("a", end))).toBe(textOf(PULL_PROBLEM_REASONS[problem]));
  });

  test("that fails without a reason has failed all the same", () => {
    expect(fetchEnd({ ...OPEN, reported: { state: "failed", problem: null } }, 6_000)).toEqual({
      outcome: "failed",
      problem: "failed",
    });
  });

  test("ends with the image, also where its host has gone since", () => {
    const reported = { state: "present", problem: null } as const;

    expect(fetchEnd({ ...OPEN, reported, isServed: false }, 6_000)).toEqual({ outcome: "present" });
  });

  test("ends where its host is away or takes nothing new", () => {
    expect(fetchEnd({ ...OPEN, reported: pulling, isServed: false }, 6_000)).toEqual({
      outcome: "host-away",
    });
  });

  test("that nobody waits for ends whatever its host reports", () => {
    for (const state of ["waiting", "pulling", "present", "failed"] as const)
      expect(fetchEnd({ ...OPEN, isWaitedFor: false, reported: { state, problem: null } }, 6_000)).toEqual({
        outcome: "not-wanted",
      });
  });
});

describe("what is reported to people", () => {
  const pull = (change: Partial<PullProgress> = {}): PullProgress => ({
    state: "pulling",
    layersDone: null,
    layers: null,
    bytesDone: null,
    bytes: null,
    ...change,
  });
  const some = { layersDone: 3, layers: 8, bytesDone: 1.2 * GIB, bytes: 4 * GIB };

  test.each<[string, PullProgress | null, string]>([
    ["nothing is known yet", null, "Host a is fetching the image; no GPU is held meanwhile."],
    ["the registry said nothing yet", pull(), "Host a is fetching the image; no GPU is held meanwhile."],
    [
      "layers and bytes are known",
      pull(some),
      "Host a is fetching the image (3 of 8 layers, 1.2 of 4.0 GiB); no GPU is held meanwhile.",
    ],
    [
      "the image is small",
      pull({ layersDone: 0, layers: 1, bytesDone: 0, bytes: 5 * MIB }),
      "Host a is fetching the image (0 of 1 layer, 0.0 of 5.0 MiB); no GPU is held meanwhile.",
    ],
    [
      "only layers are known",
      pull({ layersDone: 2, layers: 3 }),
      "Host a is fetching the image (2 of 3 layers); no GPU is held meanwhile.",
    ],
    [
      "the pull waits for others",
      pull({ state: "waiting" }),
      "Host a fetches the image when its turn comes; no GPU is held meanwhile.",
    ],
  ])("when %s", (_when, reported, sentence) => {
    expect(inEnglish(fetchReason("a", reported, false))).toBe(sentence);
  });

  test("when the list keeps an order from its image", () => {
    const why: Reason = {
      code: "registry-not-listed",
      params: { registry: "x", allowed: { names: ["docker.io"], more: 0 } },
    };

    expect(inEnglish(imageReason(why))).toBe(
      "Waiting for image: images of x may not be used; these may be used: docker.io.",
    );
  });

  test("does not call a place free that its host has not confirmed", () => {
    expect(inEnglish(fetchReason("a", pull(some), true))).toBe(
      "Host a is fetching the image (3 of 8 layers, 1.2 of 4.0 GiB); its place there is being given back.",
    );
  });

  test.each(["present", "not-wanted", "not-begun", "host-away"] as const)(
    "names the host of a fetch that ended: %s",
    (outcome) => {
      expect(inEnglish(fetchEndReason("a", { outcome }))).toMatch(/^Host a .*\.$/);
    },
  );
});
