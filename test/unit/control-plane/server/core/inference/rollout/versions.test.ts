import { describe, expect, test } from "vitest";
import { asReported, type Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import {
  beginRollback,
  beginRollout,
  type Rollout,
  type Versions,
} from "@remotegpu/control-plane/server/core/inference/rollout/versions";

const STEADY: Versions = { serving: 2, previous: 1, rollout: null };
const GOING: Rollout = { target: 3, cause: null, allowsGap: false, gapFrom: null };
const CALLED_OFF: Reason = { code: "rollout-called-off", params: {} };
const BAD = asReported("Bad.");
const NO_GAP = { allowsGap: false };
const rolling = (change: Partial<Rollout> = {}): Versions => ({
  ...STEADY,
  rollout: { ...GOING, ...change },
});

describe("an upgrade", () => {
  test.each<[string, Versions, number, { allowsGap: boolean }, Versions]>([
    ["begins with the versions as they are", STEADY, 3, NO_GAP, rolling()],
    ["may allow a gap", STEADY, 3, { allowsGap: true }, rolling({ allowsGap: true })],
    ["overtakes another one", rolling(), 4, NO_GAP, rolling({ target: 4 })],
    ["overtakes one that goes back", rolling({ cause: BAD }), 4, NO_GAP, rolling({ target: 4 })],
    ["tries once more what goes back", rolling({ cause: BAD }), 3, NO_GAP, rolling()],
    [
      "keeps the gap that is open, where it allows one",
      rolling({ allowsGap: true, gapFrom: 2 }),
      4,
      { allowsGap: true },
      rolling({ target: 4, allowsGap: true, gapFrom: 2 }),
    ],
    [
      "closes the gap that is open, where it allows none",
      rolling({ allowsGap: true, gapFrom: 2 }),
      4,
      NO_GAP,
      rolling({ target: 4 }),
    ],
    [
      "that goes on may be allowed a gap later",
      rolling(),
      3,
      { allowsGap: true },
      rolling({ allowsGap: true }),
    ],
    ["to what serves calls off the one that goes on", rolling(), 2, NO_GAP, rolling({ cause: CALLED_OFF })],
  ])("%s", (_what, versions, target, options, expected) => {
    expect(beginRollout(versions, target, options)).toEqual({ begun: true, versions: expected });
  });

  test("to what serves already is refused", () => {
    expect(beginRollout(STEADY, 2, NO_GAP)).toEqual({ begun: false, why: "service-version-serving" });
  });
});

describe("a rollback", () => {
  test.each<[string, Versions, Versions]>([
    ["goes to the previous version", STEADY, rolling({ target: 1 })],
    ["goes back to what still serves while a rollout goes on", rolling(), rolling({ cause: CALLED_OFF })],
    ["changes nothing of what goes back already", rolling({ cause: BAD }), rolling({ cause: BAD })],
  ])("%s", (_what, versions, expected) => {
    expect(beginRollback(versions)).toEqual({ begun: true, versions: expected });
  });

  test("without a previous version is refused", () => {
    expect(beginRollback({ ...STEADY, previous: null })).toEqual({
      begun: false,
      why: "service-version-missing",
    });
  });
});
