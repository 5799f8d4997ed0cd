/** What comes of a request for an upgrade, before anything is fetched or changed. */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { RefusedRelease, UpgradeRequest, UpgradeResult, Version } from "./upgrade-files.ts";

/** The fleet requests again with each heartbeat; what could not be fetched is not fetched that often. */
export const PAUSE_MS = 5 * MS_PER_MINUTE;

export type RequestDecision =
  | { kind: "begin"; attempt: number }
  | { kind: "ignore"; because: "runs already" | "refused before" | "tried lately" };

export function decideRequest(
  request: UpgradeRequest,
  {
    current,
    refused,
    results,
    nowMs,
  }: {
    current: Version;
    refused: readonly RefusedRelease[];
    results: readonly UpgradeResult[];
    /** The wall clock. */
    nowMs: number;
  },
): RequestDecision {
  if (request.version === current) return { kind: "ignore", because: "runs already" };
  if (refused.some(({ manifestSha256 }) => manifestSha256 === request.manifestSha256))
    return { kind: "ignore", because: "refused before" };
  const last = results.at(-1);
  const wasTriedLately =
    last?.to === request.version &&
    last.result === "refused" &&
    Math.abs(nowMs - Date.parse(last.at)) < PAUSE_MS;
  if (request.requestedBy === "fleet" && wasTriedLately) return { kind: "ignore", because: "tried lately" };
  return { kind: "begin", attempt: Math.max(0, ...results.map(({ attempt }) => attempt)) + 1 };
}
