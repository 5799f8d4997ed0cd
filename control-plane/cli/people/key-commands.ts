/** `remotegpu key …`: a customer's own API keys. A new one is printed once, alone, so that a script can take it. */
import { given } from "../../client/api-request.ts";
import { createApiKey, deleteApiKey, listApiKeys } from "../../client/generated/api.ts";
import type { ApiKey, NewApiKey } from "../../client/generated/api.schemas.ts";
import { z } from "zod";
import { apiWord, words } from "../framework/arguments.ts";
import { command, option, optionOr, repeated, resourceField, type Group } from "../framework/command.ts";
import { listCommand } from "../framework/list-command.ts";
import { printDone, type Column } from "../framework/output.ts";

export const KEY_COLUMNS: Column<ApiKey>[] = [
  "id",
  "name",
  "prefix",
  { ifRoom: "created_at" },
  ["opens", (row) => (row.role === "metrics" ? "metrics" : row.scopes)],
  "expires_at",
  { ifRoom: "last_used_at" },
  "revoked_at",
];

/** What a new key may be told, for oneself and for customers. */
export function keyOptions() {
  return {
    name: optionOr("--name <name>", "what it is for", words(), "cli"),
    scopes: repeated(
      "--scope <scope>",
      "read, orders or money; several times for several; else those of the key that asks",
      z.array(apiWord<NonNullable<NewApiKey["scopes"]>[number]>()),
    ),
    expires_at: option(
      "--expires <time>",
      "from when on it opens nothing, like 2027-01-31T00:00:00Z",
      words(),
    ),
  };
}

export const KEY: Group = {
  name: "key",
  summary: "your API keys: what each opens, and until when",
  members: [
    command({
      name: "create",
      summary: "a key with no more rights than the one in use; it is displayed once",
      takes: keyOptions(),
      examples: ["key create --name ci --scope orders --expires 2027-01-31T00:00:00Z"],
      run: async ({ api, output }, request) => {
        const row = await api.send(createApiKey(given(request)));
        printDone(output, row.key, row);
      },
    }),
    listCommand({
      summary: "your keys, by their first characters",
      request: () => listApiKeys(),
      columns: KEY_COLUMNS,
    }),
    command({
      name: "revoke",
      summary: "from now on it opens nothing",
      takes: { key: resourceField("key", "key") },
      run: async ({ api, output }, { key }) => {
        await api.send(deleteApiKey(key));
        printDone(output, `Key ${key} no longer opens anything.`, { id: key });
      },
    }),
  ],
};
