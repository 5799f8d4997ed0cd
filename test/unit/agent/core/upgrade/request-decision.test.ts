/** What comes of a request for an upgrade. */
import { expect, test } from "vitest";
import { decideRequest, PAUSE_MS } from "../../../../../agent/src/core/upgrade/request-decision.ts";
import type { UpgradeRequest, UpgradeResult } from "../../../../../agent/src/core/upgrade/upgrade-files.ts";

const NOW_MS = Date.parse("2030-01-01T00:00:00Z");
const REQUEST: UpgradeRequest = {
  version: "2.0.0-2",
  manifestSha256: "2".repeat(64),
  requestedBy: "fleet",
  source: null,
};
const HOST = { current: "1.0.0-1", refused: [], results: [], nowMs: NOW_MS };

function ended(attempt: number, result: UpgradeResult["result"], agoMs: number): UpgradeResult {
  const at = new Date(NOW_MS - agoMs).toISOString();
  return { attempt, from: "1.0.0-1", to: REQUEST.version, result, reason: null, at };
}

test("a request for another version begins the next attempt", () => {
  expect(decideRequest(REQUEST, HOST)).toEqual({ kind: "begin", attempt: 1 });
  const results = [ended(4, "reverted", 0), ended(7, "refused", PAUSE_MS)];
  expect(decideRequest(REQUEST, { ...HOST, results })).toEqual({ kind: "begin", attempt: 8 });
});

test("a request for the version that runs is ignored", () => {
  expect(decideRequest(REQUEST, { ...HOST, current: REQUEST.version })).toEqual({
    kind: "ignore",
    because: "runs already",
  });
});

test("a refused release is known by its hash, whoever requests it", () => {
  const refused = [
    { version: "named otherwise", manifestSha256: REQUEST.manifestSha256, reason: null, at: "" },
  ];

  for (const requestedBy of ["fleet", "install", "package"] as const)
    expect(decideRequest({ ...REQUEST, requestedBy }, { ...HOST, refused })).toEqual({
      kind: "ignore",
      because: "refused before",
    });
});

test("the fleet's request is let pass while its last try is not long ago; a person's is not", () => {
  const results = [ended(1, "refused", PAUSE_MS - 1)];

  expect(decideRequest(REQUEST, { ...HOST, results })).toEqual({ kind: "ignore", because: "tried lately" });
  expect(decideRequest({ ...REQUEST, requestedBy: "install" }, { ...HOST, results })).toEqual({
    kind: "begin",
    attempt: 2,
  });
});
