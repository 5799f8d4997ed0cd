/**
 * The types of the gateway's problem documents. Each is the address of its heading on the page of all of them, and stays as
 * it is: programs may compare it.
 */

export const GATEWAY_PROBLEMS = [
  "unauthenticated",
  "forbidden",
  "cross-site",
  "not-found",
  "service-missing",
  "misdirected",
  "malformed-request",
  "too-many-requests",
  "starting",
  "not-running",
  "no-replica",
  "port-unreachable",
  "host-unreachable",
  "no-answer",
  "malformed-answer",
  "timed-out",
  "unavailable",
] as const;
export type GatewayProblem = (typeof GATEWAY_PROBLEMS)[number];

/** Where the control plane serves the page. */
const PAGE = "/docs/api/gateway-problems";

export function gatewayProblemType(problem: GatewayProblem): string {
  return `${PAGE}#${problem}`;
}
