import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { SIGN_ON_CODES } from "../codes/sign-on.ts";

export const SIGN_ON_ENGLISH = messagesFor<typeof SIGN_ON_CODES>()({
  "sign-on-provider-away": "The identity provider does not answer; log in with a key, or try again later.",
  "sign-on-denied": "The identity provider reports that the login was refused or cancelled there.",
  "sign-on-code-spent":
    "The identity provider does not take the code of this login: it was used already, or its time is over. Log in again.",
  "sign-on-provider-refused": "The identity provider refused the login: {error}.",
  "sign-on-answer-invalid":
    "The identity provider's answer was not accepted: the check {check} failed. An administrator finds more in the documentation of single sign-on.",
  "sign-on-state-missing":
    "This browser has begun no login, or its cookie was removed meanwhile; log in again, with cookies allowed.",
  "sign-on-state-mismatch":
    "This is the answer to another login than the last one of this browser; log in again.",
  "sign-on-state-expired": "This login took too long; log in again.",
  "sign-on-device-expired": "The code was not confirmed in time, or it was used already; log in again.",
  "sign-on-device-unknown": "This login is not known here; log in again.",
  "sign-on-device-unsupported":
    "The identity provider offers no logins of commands (device authorization); log in with an API key.",
  "identity-unknown":
    "No account here is linked to you: ask an administrator for an invitation, or to link your identity, whose subject is {subject}.",
  "identity-linked": "This identity is linked to an account already.",
  "identity-invitation-spent":
    "This invitation is not known, its time is over, or it was used; ask for another one.",
  "identity-invitations-too-many": "{max_invitations} invitations of this account wait to be used.",
  "identities-too-many": "{max_identities} identities are linked to this account, which is the most.",
  "identity-email-unverified":
    "No account was made: the identity provider does not say that your e-mail address is verified.",
  "identity-email-taken":
    "No account was made: one with your e-mail address exists. An administrator can link your identity to it.",
  "identity-subject-malformed": "must have printable ASCII characters alone",
  "identity-beyond-own-key":
    "A linked identity has no end and opens all of its account: a key with an end, or that lacks a scope, links none.",
});
