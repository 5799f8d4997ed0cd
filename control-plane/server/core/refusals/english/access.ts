import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ACCESS_CODES } from "../codes/access.ts";

export const ACCESS_ENGLISH = messagesFor<typeof ACCESS_CODES>()({
  "key-not-sent": "Send a key as `Authorization: Bearer <key>`.",
  "key-unknown": "This key is not known, or it was revoked.",
  "key-expired": "This key expired at {expired_at}; it opens nothing any more.",
  "session-expired": "This session is over, as each is after {hours} hours; log in again.",
  "session-ended": "This session was ended by its account, from another browser or with a key; log in again.",
  "session-crowded-out":
    "This session was ended since its account logged in in too many browsers after it; log in again.",
  "session-key-ended":
    "This session ended with its key, which was revoked or has expired; log in with another one.",
  "session-unknown": "This session is not known, or it has ended; log in again.",
  "session-doubled":
    "There are two cookies of a session, so neither is taken; remove this site's cookies and log in again.",
  "ticket-spent": "This ticket is not known, its time is over, or it was used; make a new one.",
  "ticket-key-revoked": "The key of this ticket was revoked.",
  "account-not-active": "This account is {status}.",
  "other-origin": "With a session's cookie only pages of this origin may change something (Origin).",
  "scope-lacking": "This key lacks the scope {needed}; it has {held}.",
  "metrics-key-only": "This key reads /metrics and nothing else.",
  "metrics-not-allowed": "Metrics are for administrators, and for keys of the role metrics.",
  "session-making-ticket": "A session makes no tickets; its key does.",
  "tickets-too-many": "{max_tickets} tickets of this key wait to be used.",
  "no-session-to-end": "A key asks here, and no session: there is none to end.",
  "session-scope-lacking": "A key ends no session that opens more: yours lacks the scope {scopes}.",
  "revocation-scope-lacking": "A key revokes none that opens more: yours lacks the scope {scopes}.",
  "key-scope-beyond": "A key gives no more than it has: yours lacks the scope {scopes}.",
  "keys-too-many": "There are {max_keys} live keys already; revoke one first.",
  "metrics-key-scopes": "a key of role metrics has none",
  "expiry-past": "must lie ahead",
  "expiry-beyond-key": "must not be after {key_expires_at}, when the key that asks expires",
  "stream-key-closed": "This key opens nothing any more.",
  "topics-hidden": "You may not hear of: {topics}.",
  "topics-none": "names none",
  "topics-too-many": "names more than {max_topics}",
  "topics-unknown": "there is no topic {topics}",
  "streams-of-server-too-many": "{max_streams} streams are read of this server, which is the most.",
  "streams-of-key-too-many": "{max_streams} streams of this key are read, which is the most.",
});
