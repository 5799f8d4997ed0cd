/** Words of the ways in: services, sessions, passwords, tickets, links and shares. */
import type { Descriptions } from "./description.ts";

export const ACCESS_DESCRIPTIONS: Descriptions = {
  "AccessSession.login": [
    "The login as the container or, of a terminal, the gateway reported it; null: none was reported",
  ],
  "AccessLogEntry.login": [
    "The login as the container or, of a terminal, the gateway reported it; null: none was reported",
  ],
  "NewWebLink.service": ["A service by its name; or a port", "jupyter"],
  "NewWebShare.service": ["A service by its name; or a port", "tensorboard"],
  "NewServiceKey.name": ["The client's name as replicas see it; unique among the service's live keys", "app"],
  "NewServiceKey.expires_at": ["From then on it is void; left out, when the requesting key is"],
  "ServiceKey.id": ["Its id", 7],
  "ServiceKey.service_id": ["The service that it opens", "svc-5b1f6c0e"],
  "ServiceKey.name": ["The client's name as replicas see it", "app"],
  "ServiceKey.prefix": ["The key's first characters, to distinguish keys", "rgs_Xk3"],
  "ServiceKey.made_at": ["When it was made"],
  "ServiceKey.expires_at": ["From then on it opens nothing; null: never"],
  "ServiceKey.revoked_at": ["Since when it opens nothing; null: it was not revoked"],
  "ServiceKey.revoked_by": ["Who revoked it", "customer 42"],
  requests_per_minute: [
    "Requests in a minute of the clock, all gateways together; null: as many as come",
    600,
  ],
  "NewServiceKey.max_in_flight": [
    "Requests at once, all gateways together; without a bound, if left out",
    16,
  ],
  "ServiceKey.max_in_flight": ["Requests at once, all gateways together; null: as many as come", 16],
  tokens_per_day: [
    "Prompt and completion tokens that answers report in a UTC day; null: as many as come",
    1_000_000,
  ],
  "ServiceKeyShownOnce.key": ["The key itself; it is never displayed again", "rgs_Xk3b0Q2nVYr8"],
  "PortWish.service_type": ["Those of services are taken with each start"],
};
