/** What the gateway tells in each case in which no container answers, with the status of it. */
import type { RefusalKind } from "../../server/core/gateway/admission.ts";
import type { ServiceAnswer } from "@remotegpu/shared/instance/instance";
import { WITHOUT_WORKERS } from "../../server/core/gateway/services/shared-origin.ts";
import { whySilent } from "../../server/core/environments/web-access.ts";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import type { TunnelError } from "../tunnel/tunnel.ts";
import type { Answer } from "./answers.ts";

const SOON_SECONDS = 3;
const LATER_SECONDS = 10;

export function refusal({ kind, sentence }: { kind: RefusalKind; sentence: string }): Answer {
  switch (kind) {
    case "no-entry":
      return notIn(sentence);
    case "no-right":
      return { status: 403, title: "Not allowed", sentence };
    case "not-found":
      return { status: 404, title: "Nothing here", sentence };
    case "starting":
      return { status: 503, title: "Still starting", sentence, retryAfterSeconds: SOON_SECONDS };
    case "stopped":
      return { status: 409, title: "It does not run", sentence };
    case "not-there":
      return { status: 404, title: "Not in this environment", sentence };
  }
}

export function notIn(sentence: string): Answer {
  return { status: 401, title: "Not let in", sentence, headers: { "WWW-Authenticate": "Bearer" } };
}

export const forged: Answer = {
  status: 403,
  title: "Not from here",
  sentence: "Another page asked for this; only this service's own page may.",
};

export const misdirected: Answer = {
  status: 421,
  title: "Not here",
  sentence: "No service of this gateway has this name.",
};

export const nothingHere: Answer = {
  status: 404,
  title: "Nothing here",
  sentence: "There is nothing at this address.",
};

export const noWorker: Answer = {
  ...nothingHere,
  sentence: "Services below paths share an origin, and have no service workers there.",
  headers: WITHOUT_WORKERS,
};

export function unknownNow(sentence: string): Answer {
  return { status: 503, title: "Not available now", sentence, retryAfterSeconds: LATER_SECONDS };
}

export function tooMany(sentence: string, retryAfterSeconds: number): Answer {
  return {
    status: 429,
    title: "Too many requests",
    sentence,
    headers: { "Retry-After": String(retryAfterSeconds) },
  };
}

/** The way to the host, or what answers behind it. `answer`: what the host itself saw of that last. */
export function unreachable({ reason, message }: TunnelError, answer: ServiceAnswer | null): Answer {
  if (reason === "away")
    return { status: 503, title: "The host is away", sentence: message, retryAfterSeconds: LATER_SECONDS };
  const silent = whySilent(answer);
  const sentence = silent === null ? message : inEnglish(silent);
  return { status: 502, title: "Nothing answers yet", sentence, retryAfterSeconds: SOON_SECONDS };
}

export const late: Answer = {
  status: 504,
  title: "No answer in time",
  sentence: "The service took longer than it may until the first byte of its answer.",
};

export const garbled: Answer = {
  status: 502,
  title: "No sound answer",
  sentence: "What listens there ended the connection without an answer that is HTTP.",
};
