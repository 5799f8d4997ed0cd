/** Words of the ways in: services, sessions, passwords, tickets, links and shares. */
import type { Descriptions } from "./description.ts";

export const ACCESS_DESCRIPTIONS: Descriptions = {
  "AccessSession.login": [
    "The login as the container or, of a terminal, the gateway reported it; null: none was reported",
  ],
  "AccessLogEntry.login": [
    "The login as the container or, of a terminal, the gateway reported it; null: none was reported",
  ],
  requests_per_minute: [
    "Requests in a minute of the clock, all gateways together; null: as many as come",
    600,
  ],
  tokens_per_day: [
    "Prompt and completion tokens that answers report in a UTC day; null: as many as come",
    1_000_000,
  ],
};
