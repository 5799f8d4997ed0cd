/** What one probe of a replica was answered, and what that says: passed, failed, or nothing. Pure. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { HostStatement } from "@remotegpu/shared/reasons/host-reports/statement";
import type { Probe } from "@remotegpu/shared/instance/probe";

/** As it was seen from within the container's network. */
export type Reply =
  | { kind: "connected" }
  | { kind: "status"; status: number }
  /** Nobody listens there. */
  | { kind: "refused" }
  | { kind: "silent" }
  | { kind: "hung-up" }
  | { kind: "no-http" }
  | { kind: "endless-head" }
  /** The process that was meant has ended. */
  | { kind: "gone" }
  /** This host could not ask, or was too busy to hear: it says nothing of the replica. */
  | { kind: "unasked" };

export type Answer =
  | { kind: "passed" }
  /** `got` is a part of a sentence, the same for as long as the same is got. */
  | { kind: "failed"; got: HostStatement }
  | { kind: "gone" }
  | { kind: "unknown" };

/** For the whole head of an answer, from the first step towards the container on. */
export const ANSWER_WITHIN_SECONDS = 2;
/** A redirect is an answer, and is never followed. */
const PASSED_FROM = 200;
const PASSED_BEFORE = 400;

export function answerTo({ path, port }: Pick<Probe, "path" | "port">, reply: Reply): Answer {
  const request: HostReason =
    path === null
      ? { code: "probe-connection", params: { port } }
      : { code: "probe-request", params: { path } };
  switch (reply.kind) {
    case "connected":
      return { kind: "passed" };
    case "status": {
      const isPassed = reply.status >= PASSED_FROM && reply.status < PASSED_BEFORE;
      return isPassed
        ? { kind: "passed" }
        : failed({ code: "probe-status", params: { request, status: reply.status } });
    }
    case "refused":
      return failed({ code: "probe-refused", params: { port } });
    case "silent":
      return failed({ code: "probe-unanswered", params: { request, seconds: ANSWER_WITHIN_SECONDS } });
    case "hung-up":
      return failed({ code: "probe-disconnected", params: { request } });
    case "no-http":
      return failed({ code: "probe-no-http", params: { request } });
    case "endless-head":
      return failed({ code: "probe-endless-head", params: { request } });
    case "gone":
      return { kind: "gone" };
    case "unasked":
      return { kind: "unknown" };
  }
}

function failed(got: HostReason): Answer {
  return { kind: "failed", got };
}
