/** `remotegpu env sessions`, `env disconnect` and `env access-log`: who is and was in an environment. */
import { z } from "zod";
import type { Row } from "../framework/api-client.ts";
import { words } from "../framework/arguments.ts";
import { argument, command, option, type Command } from "../framework/command.ts";
import { limit, listCommand, segment } from "../framework/list-command.ts";
import { printDone, sizeText, type Column } from "../framework/output.ts";
import { anEnvironment } from "./environment-state.ts";

const Login = z
  .object({
    method: z.string(),
    key_fingerprint: z.string().nullish(),
    username: z.string().nullish(),
    ticket_id: z.number().nullish(),
  })
  .nullish();

const Entry = z.object({
  kind: z.string(),
  attempts: z.number().nullish(),
  outcome: z.string().nullish(),
  detail: z.string().default(""),
});

const TRAFFIC: Column[] = [
  ["in", (row) => sizeText(row.bytes_in)],
  ["out", (row) => sizeText(row.bytes_out)],
];
/** But of terminals the container's word: whoever is root in it can make it up. */
const LOGIN: Column = ["login (of SSH told by the container)", loginText];
const KEY: Column = { wide: ["key", (row) => Login.parse(row.login)?.key_fingerprint] };

const SESSIONS = listCommand({
  name: "sessions",
  summary: "who is in it now: from where, since when, with whose key",
  takes: anEnvironment(),
  route: ({ environment }) => `/environments/${segment(environment)}/sessions`,
  columns: [
    "id",
    ["service", (row) => row.service_type],
    ["from", (row) => row.client_address],
    ["since", (row) => row.opened_at],
    ...TRAFFIC,
    LOGIN,
    KEY,
    { ifRoom: ["being ended", (row) => (row.cut_at === null ? "" : "yes")] },
  ],
  empty: "Nobody is in it.",
});

const DISCONNECT = command({
  name: "disconnect",
  summary: "end a session; whoever still has a key may come in again",
  takes: { ...anEnvironment(), session: argument("session", words()) },
  run: async ({ api, output }, { environment, session }) => {
    await api.delete(`/environments/${segment(environment)}/sessions/${segment(session)}`);
    printDone(output, `Session ${session} is being ended.`, { id: session });
  },
});

const ACCESS_LOG = listCommand({
  name: "access-log",
  summary: "who was in it, and what connections came to nothing, newest first",
  takes: {
    ...anEnvironment(),
    kind: option("--kind <kind>", "session or attempts", words()),
    service: option("--service <service>", "of this service", words()),
    address: option("--from <address>", "from this address", words()),
    ...limit(50),
  },
  route: ({ environment }) => `/environments/${segment(environment)}/access-log`,
  query: ({ kind, service, address }) => ({ kind, service_type: service, client_address: address }),
  columns: [
    ["since", (row) => row.began_at],
    { ifRoom: ["until", (row) => row.ended_at ?? "now"] },
    ["service", (row) => row.service_type],
    ["from", (row) => row.client_address],
    ["what", whatText],
    ...TRAFFIC,
    LOGIN,
    KEY,
  ],
  empty: "Nobody was in it, and nobody tried.",
  limit: 50,
});

export const ACCESS_LOG_COMMANDS: readonly Command[] = [SESSIONS, DISCONNECT, ACCESS_LOG];

function whatText(row: Row): string {
  const { kind, attempts, outcome, detail } = Entry.parse(row);
  if (kind === "attempts") return `${attempts ?? 0} refused: ${outcome ?? ""}`;
  if (outcome == null) return "open";
  return detail === "" ? `ended: ${outcome}` : `ended: ${outcome}. ${detail}`;
}

function loginText(row: Row): string {
  const login = Login.parse(row.login);
  if (login == null) return "";
  if (login.ticket_id != null) return `${login.username ?? "an administrator"}, by ticket ${login.ticket_id}`;
  if (login.method === "browser") return `${login.username ?? "somebody"}, in the browser`;
  return login.username ?? (login.key_fingerprint == null ? login.method : `${login.method} of nobody known`);
}
