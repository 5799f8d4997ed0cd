import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ACCESS_METHOD_CODES, LEASE_CODES } from "../codes/access.ts";

export const ACCESS_METHOD_ENGLISH = messagesFor<typeof ACCESS_METHOD_CODES>()({
  "service-without-port": "{service} gets no port of its own: plain HTTP is not allowed here.",
  "port-not-leased": "No port was taken for it. Renew the access, or start the environment anew.",
  "port-at-start": "It gets a port when the environment is started.",
  "port-renewable": "Renew the access to take another.",
  "port-at-next-start": "The next start takes another.",
  "access-host-unconfirmed":
    "Where host {host_name} is reached is not confirmed, so nobody is sent to the port. {instead}",
  "access-host-closed":
    "Host {host_name} lets nobody in from outside its network, so the port leads nowhere from there. {instead}",
  "gateway-leads-to-ssh": "`remotegpu ssh` goes through the gateway.",
  "gateway-leads-to-rdp":
    "`remotegpu open ENVIRONMENT rdp` leads there through the gateway, for as long as it is left open.",
  "gateway-leads-to-port": "`remotegpu port-forward` leads there through the gateway.",
  "gateway-missing": "No gateway leads there either, since no WEB_DOMAIN is set.",
  "access-host-not-heard": "Host {host_name} is not heard; the port leads in again when it is reached.",
  "port-being-bound": "Host {host_name} is binding a port for {service}.",
  "port-taken-by-other": "Something else on host {host_name} has taken the port; it is tried again.",
  "host-without-free-port": "Host {host_name} has no free port; it is tried again.",
  "port-waits-for-start": "The environment is still starting; the port is kept and leads in once it runs.",
  "port-waits-for-environment": "The environment is {status}; the port is kept and leads in while it runs.",
  "image-without-ssh-server": "Not in the image: it has no SSH server of its own, which the order asks for.",
  "image-without-program": "Not in the image: it has no {program}.",
  "agent-too-old-for": "The host's agent is too old: it cannot {cannot}.",
  "agent-too-old-to-see-port":
    "The host's agent is too old to see whether something answers on port {internal_port}.",
  "service-silent": "Nothing answers yet.",
  "service-answer-unknown":
    "Still starting: its host has not seen yet whether something answers on port {internal_port}.",
  "ssh-after-restart": "It was started before its host's agent served SSH; restart it to be served.",
  "service-switched-off":
    "{service} is switched off for this environment; switch it on, and restart the environment.",
  "environment-still-starting": "The environment is still starting.",
  "environment-not-running": "The environment is {status}. Start it: {command}",
  "web-side-missing": "There is no web side here, since no WEB_DOMAIN is set. From your machine: {command}",
});

export const LEASE_ENGLISH = messagesFor<typeof LEASE_CODES>()({
  "lease-requested": "Host {host_name} is to bind a port for {service}.",
  "lease-held": "{port} leads to {service} (port {internal_port} inside).",
  "lease-conflict": "{port}, which led to {service}, is taken by something else there; it is tried again.",
  "lease-exhausted": "Host {host_name} has no free port for {service}; it is tried again.",
  "lease-released": "{port} was released.",
  "lease-unused": "Nobody connected to {service} for {hours} hours.",
  "lease-released-by-host": "Its host has released it.",
  "lease-release-due": "{port} ({service}) is released at {at} unless somebody connects.",
  "port-of-host": "Port {port} of host {host_name}",
  "any-port-of-host": "A port of host {host_name}",
  "port-released": "The port was released.",
  "port-being-released": "The port is being released.",
  "lease-of-moved-environment": "The environment was placed on another host.",
  "lease-of-deleted-environment": "The environment was deleted.",
  "lease-of-lost-host": "Its host was declared lost.",
  "lease-of-removed-host": "Its host was taken out of the fleet.",
  "lease-without-service": "{service} gets no port any more.",
  "lease-of-other-ssh-port": "SSH is served on port {internal_port} from this start on.",
  "lease-switched-off": "{service} was switched off.",
  "lease-not-bound-in-time": "It was withdrawn: the host did not bind it in time.",
  "lease-closed-by": "Closed by {actor}.",
});
