/** Refusals of single sign-on, and of identities that log in by it. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const SIGN_ON_CODES = {
  "sign-on-provider-away": {},
  "sign-on-denied": {},
  "sign-on-code-spent": {},
  "sign-on-provider-refused": { error: "text" },
  "sign-on-answer-invalid": { check: "text" },
  "sign-on-state-missing": {},
  "sign-on-state-mismatch": {},
  "sign-on-state-expired": {},
  "sign-on-device-expired": {},
  "sign-on-device-unknown": {},
  "sign-on-device-unsupported": {},
  "identity-unknown": { subject: "text" },
  "identity-linked": {},
  "identity-invitation-spent": {},
  "identity-invitations-too-many": { max_invitations: "number" },
  "identities-too-many": { max_identities: "number" },
  "identity-email-unverified": {},
  "identity-email-taken": {},
  "identity-subject-malformed": {},
  "identity-beyond-own-key": {},
} as const satisfies CodeShapes;
