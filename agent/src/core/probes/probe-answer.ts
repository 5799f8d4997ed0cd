/** What one probe of a replica was answered, and what that says: passed, failed, or nothing. Pure. */
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
  | { kind: "failed"; got: string }
  | { kind: "gone" }
  | { kind: "unknown" };

/** For the whole head of an answer, from the first step towards the container on. */
export const ANSWER_WITHIN_SECONDS = 2;
/** A redirect is an answer, and is never followed. */
const PASSED_FROM = 200;
const PASSED_BEFORE = 400;

export function answerTo({ path, port }: Pick<Probe, "path" | "port">, reply: Reply): Answer {
  const requested = path === null ? `A connection to port ${port}` : `GET ${path}`;
  switch (reply.kind) {
    case "connected":
      return { kind: "passed" };
    case "status": {
      const isPassed = reply.status >= PASSED_FROM && reply.status < PASSED_BEFORE;
      return isPassed ? { kind: "passed" } : failed(`${requested} answered ${reply.status}`);
    }
    case "refused":
      return failed(`nobody listens on port ${port}`);
    case "silent":
      return failed(`${requested} was not answered within ${ANSWER_WITHIN_SECONDS} seconds`);
    case "hung-up":
      return failed(`${requested} was hung up on`);
    case "no-http":
      return failed(`${requested} was answered with what is no HTTP`);
    case "endless-head":
      return failed(`${requested} was answered with too many headers`);
    case "gone":
      return { kind: "gone" };
    case "unasked":
      return { kind: "unknown" };
  }
}

function failed(got: string): Answer {
  return { kind: "failed", got };
}
