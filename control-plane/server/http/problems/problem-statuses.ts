/** Which HTTP status a refusal becomes, and what a problem document of each status is titled. */
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { RefusalKind } from "../request/refusal.ts";

export const PROBLEM_STATUS: Record<RefusalKind, ContentfulStatusCode> = {
  malformed: 400,
  unauthenticated: 401,
  "no-funds": 402,
  forbidden: 403,
  "not-found": 404,
  "method-not-allowed": 405,
  conflict: 409,
  "too-large": 413,
  "unsupported-media-type": 415,
  "bad-input": 422,
  "too-many-requests": 429,
  "internal-error": 500,
  "wrong-answer": 502,
  unavailable: 503,
  "timed-out": 504,
  "no-room": 507,
};

export const PROBLEM_TITLES: Partial<Record<number, string>> = {
  400: "Malformed request",
  401: "Not authenticated",
  402: "Not enough funds",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  413: "Body too large",
  415: "Unsupported media type",
  422: "Invalid input",
  429: "Too many requests",
  500: "Internal error",
  502: "Wrong answer",
  503: "Not available now",
  504: "Not done in time",
  507: "Not enough room",
};
