import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { REQUEST_CODES } from "../codes/request.ts";

export const REQUEST_ENGLISH = messagesFor<typeof REQUEST_CODES>()({
  "nothing-at-address": "There is nothing at this address.",
  "method-not-allowed": "This address answers {methods}.",
  "body-too-large": "A body may have at most {max_bytes} bytes.",
  "body-not-json": "The body is not well-formed JSON.",
  "body-not-sent-as-json": "Send the body as application/json.",
  "input-invalid": "The input is not valid.",
  "field-missing": "is missing",
  "field-unknown": "is not a known field",
  "cursor-unknown": "is not one that this list gave out",
  "idempotency-key-malformed": "must be 1 to 200 visible ASCII characters",
  "idempotency-key-of-another-body": "was used with another body in the last 24 hours",
  "idempotency-key-in-use": "Another request with this Idempotency-Key is under way; ask again in a moment.",
  "first-request-in-progress":
    "The first request with this Idempotency-Key is under way; ask again in a moment.",
  "requests-of-key-too-many": "Too many requests from this key; try again in {retry_seconds} s.",
  "requests-of-address-too-many": "Too many requests from this address; try again in {retry_seconds} s.",
  "taken-by-another-request": "Another request has just taken this.",
  "old-value-in-row":
    "This row holds a value of the old system that no changed row may keep; an administrator has to set it right ({constraint}).",
  "database-migrating": "The database is being migrated ({by}); try again when that has ended.",
  "database-unavailable": "The database does not answer now; try again shortly.",
  "standby-missing":
    "No standby of the database can confirm this now, so it was not done; try again shortly.",
  "commit-unconfirmed":
    "It is not known whether this was done: the database's standby did not confirm it in time. Send it again with the same Idempotency-Key; it is done once.",
  "internal-error": "This is our fault. It was written to the log.",
  "server-ending": "This server ends; ask another one.",
  "nats-disconnected": "NATS is not connected now, so no host can be reached.",
  "nats-disconnected-now": "NATS is not connected now, so no host can be reached. Try again soon.",
  "not-found": "There is no {thing} that you can see.",
  "role-too-small": "Your role in the workspace does not allow this on {thing}.",
  "administrators-only": "Only administrators may do this.",
  "administrators-excluded": "Administrators get no way into what belongs to others.",
  "bundle-missing": "This control plane was started without an agent bundle to hand out.",
  "command-file-missing": "This control plane has no command to hand out; its log says why.",
  "packages-missing":
    "This control plane has no packages to hand out: it runs from a clone in which none were built.",
});
