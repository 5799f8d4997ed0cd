/** Refusals about environments, their ports, passwords, tickets and shares. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const ENVIRONMENT_CODES = {
  "environment-being-deleted": {},
  "environment-not-on-host": { status: "phrase" },
  "ports-need-host": { status: "phrase" },
  "host-ports-full": { host_name: "text" },
  "host-port-missing": { why: "whole" },
  "host-port-missing-unsaid": {},
  "port-not-bound": { seconds: "number" },
  "ssh-of-image": {},
  "ssh-ticket-unusable": {},
  "ssh-ticket-needs-host": { status: "phrase" },
  "ssh-ticket-open": { fingerprint: "text" },
  "ssh-tickets-too-many": { max_tickets: "number" },
  "rdp-off": {},
  "rdp-password-not-made": { status: "phrase" },
  "web-links-too-many": { max_links: "number" },
  "terminal-not-shared": {},
  "shares-too-many": { max_shares: "number" },
  "share-over": { share_id: "number" },
  "share-end-doubled": {},
  "share-end-out-of-range": { max_days: "number" },
  "web-domain-missing": { environment_name: "text" },
  "service-or-port": {},
} as const satisfies CodeShapes;
