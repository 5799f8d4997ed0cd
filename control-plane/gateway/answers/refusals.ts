/** What the gateway tells in each case in which no container answers, with the status of it. */
import type { RefusalKind } from "../../server/core/gateway/admission.ts";
import type { ServiceAnswer } from "@remotegpu/shared/instance/instance";
import { WITHOUT_WORKERS } from "../../server/core/gateway/services/shared-origin.ts";
import { whySilent } from "../../server/core/environments/web-access.ts";
import type { GivenReason } from "../../server/core/reasons/plain-reason.ts";
import type { TunnelError } from "../tunnel/tunnel.ts";
import type { Answer } from "./answers.ts";

const SOON_SECONDS = 3;
const LATER_SECONDS = 10;

export function refusal({ kind, reason }: { kind: RefusalKind; reason: GivenReason }): Answer {
  switch (kind) {
    case "no-entry":
      return notIn(reason);
    case "no-right":
      return { problem: "forbidden", status: 403, title: "Not allowed", reason };
    case "not-found":
      return { problem: "not-found", status: 404, title: "Nothing here", reason };
    case "starting":
      return {
        problem: "starting",
        status: 503,
        title: "Still starting",
        reason,
        retryAfterSeconds: SOON_SECONDS,
      };
    case "stopped":
      return { problem: "not-running", status: 409, title: "It does not run", reason };
    case "not-there":
      return { problem: "service-missing", status: 404, title: "Not in this environment", reason };
  }
}

export function notIn(reason: GivenReason): Answer {
  const headers = { "WWW-Authenticate": "Bearer" };
  return { problem: "unauthenticated", status: 401, title: "Not let in", reason, headers };
}

export const forged: Answer = {
  problem: "cross-site",
  status: 403,
  title: "Not from here",
  reason: "gateway-cross-site",
};

export const misdirected: Answer = {
  problem: "misdirected",
  status: 421,
  title: "Not here",
  reason: "gateway-name-unknown",
};

export const nothingHere: Answer = {
  problem: "not-found",
  status: 404,
  title: "Nothing here",
  reason: "nothing-at-address",
};

export const noWorker: Answer = {
  ...nothingHere,
  reason: "gateway-without-workers",
  headers: WITHOUT_WORKERS,
};

export function unknownNow(reason: GivenReason): Answer {
  return {
    problem: "unavailable",
    status: 503,
    title: "Not available now",
    reason,
    retryAfterSeconds: LATER_SECONDS,
  };
}

export function tooMany(reason: GivenReason, retryAfterSeconds: number): Answer {
  return {
    problem: "too-many-requests",
    status: 429,
    title: "Too many requests",
    reason,
    headers: { "Retry-After": String(retryAfterSeconds) },
  };
}

/** The way to the host, or what answers behind it. `answer`: what the host itself saw of that last. */
export function unreachable({ reason, why }: TunnelError, answer: ServiceAnswer | null): Answer {
  if (reason === "away")
    return {
      problem: "host-unreachable",
      status: 503,
      title: "The host is away",
      reason: why,
      retryAfterSeconds: LATER_SECONDS,
    };
  return {
    problem: "no-answer",
    status: 502,
    title: "Nothing answers yet",
    reason: whySilent(answer) ?? why,
    retryAfterSeconds: SOON_SECONDS,
  };
}

export const late: Answer = {
  problem: "timed-out",
  status: 504,
  title: "No answer in time",
  reason: "service-answer-late",
};

export const garbled: Answer = {
  problem: "malformed-answer",
  status: 502,
  title: "No sound answer",
  reason: "service-answer-garbled",
};
