/** `remotegpu env sessions`, `env disconnect` and `env access-log`: who is and was in an environment. */
import { given } from "../../../client/api-request.ts";
import {
  endEnvironmentSession,
  listEnvironmentAccessLog,
  listEnvironmentSessions,
} from "../../../client/generated/api.ts";
import type {
  AccessLogEntry,
  AccessLogin,
  AccessSession,
  ListEnvironmentAccessLogKind,
  ListEnvironmentAccessLogServiceType,
} from "../../../client/generated/api.schemas.ts";
import { apiWord, words } from "../../framework/arguments.ts";
import { argument, command, option, type Command } from "../../framework/command.ts";
import { limit, listCommand } from "../../framework/list-command.ts";
import { printDone, sizeText, type Column } from "../../framework/output.ts";
import { anEnvironment } from "./environment-state.ts";

const TRAFFIC: Column<{ bytes_in: number | null; bytes_out: number | null }>[] = [
  ["in", (row) => sizeText(row.bytes_in)],
  ["out", (row) => sizeText(row.bytes_out)],
];
type WithLogin = { login: AccessLogin | null };
/** But of terminals the container's word: whoever is root in it can make it up. */
const LOGIN: Column<WithLogin> = ["login (of SSH told by the container)", loginText];
const KEY: Column<WithLogin> = { wide: ["key", (row) => row.login?.key_fingerprint] };

const SESSION_COLUMNS: Column<AccessSession>[] = [
  "id",
  ["service", (row) => row.service_type],
  ["from", (row) => row.client_address],
  ["since", (row) => row.opened_at],
  ...TRAFFIC,
  LOGIN,
  KEY,
  { ifRoom: ["being ended", (row) => (row.cut_at === null ? "" : "yes")] },
];

const ENTRY_COLUMNS: Column<AccessLogEntry>[] = [
  ["since", (row) => row.began_at],
  { ifRoom: ["until", (row) => row.ended_at ?? "now"] },
  ["service", (row) => row.service_type],
  ["from", (row) => row.client_address],
  ["what", whatText],
  ...TRAFFIC,
  LOGIN,
  KEY,
];

const SESSIONS = listCommand({
  name: "sessions",
  summary: "who is in it now: from where, since when, with whose key",
  takes: anEnvironment(),
  request: ({ environment }) => listEnvironmentSessions(environment),
  columns: SESSION_COLUMNS,
  empty: "Nobody is in it.",
});

const DISCONNECT = command({
  name: "disconnect",
  summary: "end a session; whoever still has a key may come in again",
  takes: { ...anEnvironment(), session: argument("session", words()) },
  run: async ({ api, output }, { environment, session }) => {
    await api.send(endEnvironmentSession(environment, session));
    printDone(output, `Session ${session} is being ended.`, { id: session });
  },
});

const ACCESS_LOG = listCommand({
  name: "access-log",
  summary: "who was in it, and what connections came to nothing, newest first",
  takes: {
    ...anEnvironment(),
    kind: option("--kind <kind>", "session or attempts", apiWord<ListEnvironmentAccessLogKind>()),
    service: option("--service <service>", "of this service", apiWord<ListEnvironmentAccessLogServiceType>()),
    address: option("--from <address>", "from this address", words()),
    ...limit(50),
  },
  request: ({ environment, kind, service, address }) => {
    const query = { kind, service_type: service, client_address: address };
    return listEnvironmentAccessLog(environment, given(query));
  },
  columns: ENTRY_COLUMNS,
  empty: "Nobody was in it, and nobody tried.",
  limit: 50,
});

export const ACCESS_LOG_COMMANDS: readonly Command[] = [SESSIONS, DISCONNECT, ACCESS_LOG];

function whatText({ kind, attempts, outcome, detail }: AccessLogEntry): string {
  if (kind === "attempts") return `${attempts ?? 0} refused: ${outcome ?? ""}`;
  if (outcome == null) return "open";
  return detail === "" ? `ended: ${outcome}` : `ended: ${outcome}. ${detail}`;
}

function loginText({ login }: WithLogin): string {
  if (login == null) return "";
  if (login.ticket_id != null) return `${login.username ?? "an administrator"}, by ticket ${login.ticket_id}`;
  if (login.method === "browser") return `${login.username ?? "somebody"}, in the browser`;
  return login.username ?? (login.key_fingerprint == null ? login.method : `${login.method} of nobody known`);
}
