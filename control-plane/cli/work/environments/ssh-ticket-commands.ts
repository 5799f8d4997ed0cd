/** `remotegpu env ssh-ticket…`: administrators' way in for some minutes, as they and the environment's people see it. */
import {
  createEnvironmentSshTicket,
  endEnvironmentSshTicket,
  listEnvironmentSshTickets,
} from "../../../client/generated/api.ts";
import { fileText, words } from "../../framework/arguments.ts";
import { argument, command, needed, type Command } from "../../framework/command.ts";
import { listCommand } from "../../framework/list-command.ts";
import { printDone } from "../../framework/output.ts";
import { anEnvironment } from "./environment-state.ts";

const MAKE = command({
  name: "ssh-ticket",
  summary: "for administrators: enter it by SSH for 15 minutes; its people see who and why",
  takes: {
    ...anEnvironment(),
    public_key: needed("--public-key <file>", "a .pub file", fileText()),
    reason: needed("--reason <text>", "what for", words()),
  },
  examples: ["env ssh-ticket env-5b1f6c0e --public-key ~/.ssh/id_ed25519.pub --reason 'the training hangs'"],
  run: async ({ api, output }, { environment, ...ticket }) => {
    const row = await api.send(createEnvironmentSshTicket(environment, ticket));
    const { id, key_fingerprint: key, expires_at: until } = row;
    printDone(output, `Ticket ${id} opens it to ${key} until ${until}.`, row);
  },
});

const LIST = listCommand({
  name: "ssh-tickets",
  summary: "administrators' tickets for it, and what for",
  takes: anEnvironment(),
  request: ({ environment }) => listEnvironmentSshTickets(environment),
  columns: [
    "id",
    ["administrator", (row) => row.made_by],
    "reason",
    "made_at",
    "expires_at",
    { ifRoom: "ended_at" },
    { wide: "key_fingerprint" },
  ],
  empty: "No administrator has had a ticket for it.",
});

const END = command({
  name: "end-ssh-ticket",
  summary: "end an administrator's ticket before its time",
  takes: { ...anEnvironment(), ticket: argument("ticket", words()) },
  run: async ({ api, output }, { environment, ticket }) => {
    await api.send(endEnvironmentSshTicket(environment, ticket));
    printDone(output, `Ticket ${ticket} opens nothing any more.`, { id: ticket });
  },
});

export const SSH_TICKET_COMMANDS: readonly Command[] = [MAKE, LIST, END];
