import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ACCOUNT_CODES } from "../codes/account.ts";

export const ACCOUNT_ENGLISH = messagesFor<typeof ACCOUNT_CODES>()({
  "account-data-not-at-risk":
    "The data of customer {username} is not at risk: that takes an account that has been overdue for 60 days.",
  "username-not-confirmed": "is not the username of this customer",
  "own-account-locked-out": "would lock you out of your own account",
  "username-taken": "The username {username} is taken.",
  "email-taken": "The email {email} is taken.",
  "promotion-beyond-own-key":
    "Keys of this account open more than yours, or for longer: {key_ids}. Revoke them first, or ask with a key that opens as much.",
  "setting-malformed": "must be {form}",
  "audit-target-kind-missing": "needs the target_kind that it is of",
  "credentials-too-many": "There are {max_credentials} credentials already.",
  "registry-malformed": "must be the name of a registry as images begin with it, like ghcr.io",
  "ssh-keys-too-many": "There are {max_keys} keys already, which is the most; remove one first.",
  "ssh-key-known": "The key {fingerprint} is there already.",
  "ssh-key-opens-nothing": "is no key that opens anything",
  "workspace-personal": "A personal workspace stays as long as its account.",
  "workspace-has-workloads": "Workspace {workspace_id} still has {workloads} workloads; delete them first.",
  "owner-role-fixed": "The owner's role cannot be changed.",
  "owner-cannot-leave": "The owner cannot leave the workspace.",
  "invitations-of-workspace-too-many":
    "The workspace has {max_invitations} open invitations already; withdraw some, or wait until they are accepted or expire.",
  "invitations-of-inviter-too-many":
    "You have {max_invitations} open invitations already; withdraw some, or wait until they are accepted or expire.",
  "invitations-of-day-too-many": "You have sent {max_invitations} invitations within a day; send more later.",
  "invitation-of-one": "give an e-mail or a username, one of them",
  "webhook-off": "Webhook {webhook_id} is switched off.",
  "webhook-test-in-progress": "A test of webhook {webhook_id} is under way.",
  "webhooks-too-many": "There are {max_webhooks} webhooks already.",
  "alarm-webhook-of-customer": "alarm is for administrators",
});
