/** Ranks of a gang as their hosts tell them, with what a test wants of them: all held, and all found well. */
import type { RankState } from "@remotegpu/control-plane/server/core/instances/rank-state";
import type { Finding } from "@remotegpu/shared/instance/instance";

const IMAGE = `sha256:${"a".repeat(64)}`;

export const rankAddress = (rank: number) => `10.224.0.${128 + rank}`;

/** Each rank on a host of its own: h0, h1, … */
export function aRankState(
  { rank, ranks }: { rank: number; ranks: number },
  change: Partial<RankState> = {},
): RankState {
  return {
    address: rankAddress(rank),
    hostId: `h${rank}`,
    hostName: `host-${rank}`,
    isHeard: true,
    silentForMs: 3_000,
    isUnreachable: false,
    isFetching: false,
    placedForMs: 10_000,
    heldForMs: 5_000,
    releasedForMs: null,
    imageId: IMAGE,
    findings: goodFindings(rank, ranks),
    cutOff: [],
    isLost: false,
    follows: false,
    ...change,
  };
}

export function goodFindings(rank: number, ranks: number): Finding[] {
  const others = Array.from({ length: ranks }, (_, other) => other).filter((other) => other !== rank);
  return [
    ...others.map((other) => ({
      check: "network",
      isPassed: true,
      detail: "It answers.",
      address: rankAddress(other),
    })),
    ...["clock", "disk", "shm"].map((check) => ({ check, isPassed: true, detail: "Good." })),
  ];
}

/** One of them as it should not be; a network finding is known by the rank that it speaks of. */
export function withBad(
  findings: readonly Finding[],
  check: string,
  { other, detail }: { other?: number; detail: string },
): Finding[] {
  return findings.map((finding) =>
    finding.check === check && (other === undefined || finding.address === rankAddress(other))
      ? { ...finding, isPassed: false, detail }
      : finding,
  );
}
