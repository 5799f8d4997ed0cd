import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ENVIRONMENT_CODES } from "../codes/environment.ts";

export const ENVIRONMENT_ENGLISH = messagesFor<typeof ENVIRONMENT_CODES>()({
  "environment-being-deleted": "The environment is being deleted.",
  "environment-not-on-host": "The environment is {status}; its next start takes the ports anew.",
  "ports-need-host": "Ports are opened on the host that an environment runs on; this one is {status}.",
  "host-ports-full": "Host {host_name} can hold no more ports.",
  "host-port-missing": "The host has no free port. {why}",
  "host-port-missing-unsaid": "The host has no free port.",
  "port-not-bound":
    "The host did not bind a port within {seconds} seconds, so the wish is withdrawn. Try again later.",
  "ssh-of-image": "The image's own SSH server answers for it, which knows no passwords of ours.",
  "ssh-ticket-unusable":
    "SSH is switched off there, or the image's own server answers, which knows no keys of ours.",
  "ssh-ticket-needs-host":
    "A ticket is for an environment that runs on a host whose agent serves SSH; this one is {status}.",
  "ssh-ticket-open": "A ticket for the key {fingerprint} is open there.",
  "ssh-tickets-too-many": "{max_tickets} tickets are open there, which is the most.",
  "rdp-off": "RDP is switched off for this environment; switch it on.",
  "rdp-password-not-made":
    "The environment is {status}; each start has a password of its own, once it is placed.",
  "web-links-too-many": "{max_links} links to it wait to be used.",
  "terminal-not-shared": "A terminal is shared with nobody.",
  "shares-too-many": "{max_shares} shares of it are open, which is the most.",
  "share-over": "Share {share_id} is over; share it anew.",
  "share-end-doubled": "says the same as expires_at; give one of the two",
  "share-end-out-of-range": "must lie within the next {max_days} days",
  "web-domain-missing":
    "There is no web side here: no gateway with a WEB_DOMAIN runs. From your machine: remotegpu port-forward {environment_name} PORT",
  "service-or-port": "name a service or a port, one of them",
});
