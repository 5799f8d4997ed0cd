/**
 * What the runtime says when a pull failed, as one of the few reasons that customers see. Its text may hold what a
 * registry answered, so it chooses among them and is told to operators alone.
 */
import type { PullProblem } from "@remotegpu/shared/instance/image-fetch";

/**
 * The first that matches. While it unpacks, the runtime names files of the image, which may be called like any error
 * at all; how much room there is, the disk itself says. The runtime hides a missing image behind a refusal, so
 * refusals come before it.
 */
const WORDS: readonly (readonly [PullProblem, RegExp])[] = [
  ["failed", /failed to register layer|error processing tar|applylayer|failed to extract|untar/i],
  ["no-room", /no space left on device|disk quota exceeded/i],
  [
    "wrong-platform",
    /no matching manifest|cannot be used on this platform|does not match the specified platform/i,
  ],
  ["refused", /pull access denied|unauthorized|\bdenied\b|authentication required|no basic auth|\b40[13]\b/i],
  ["no-such-image", /manifest unknown|name unknown|not found|no such image|\b404\b/i],
  ["unreachable", /no such host|server misbehaving|\bdial (tcp|udp)\b|connection refused|connection reset/i],
  [
    "unreachable",
    /no route to host|network is unreachable|x509|\btls: |certificate|to HTTPS client|\bEOF\b/i,
  ],
  ["too-slow", /time ?out|timed out|deadline exceeded|TLS handshake/i],
];

/** @param status the runtime's HTTP status; null where it had begun to answer well */
export function pullProblem(text: string, status: number | null): PullProblem {
  const found = WORDS.find(([, words]) => words.test(text));
  if (found !== undefined) return found[0];
  if (status === 401 || status === 403) return "refused";
  return status === 404 ? "no-such-image" : "failed";
}

/** It may go better the next time. */
export const TRIES = 3;

/** Whether the problem lies in the network to the registry rather than in the image: worth a retry. */
export function isHiccup(problem: PullProblem): boolean {
  return problem === "too-slow" || problem === "unreachable";
}
