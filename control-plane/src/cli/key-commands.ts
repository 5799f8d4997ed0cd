/** `remotegpu key …`: a customer's own API keys. A new one is printed once, alone, so that a script can take it. */
import type { Command } from "commander";
import { each } from "./arguments.ts";
import { withContext } from "./context.ts";
import { printDone, printList, type Column } from "./output.ts";

export const KEY_COLUMNS: Column[] = [
  "id",
  "name",
  "prefix",
  "created_at",
  ["opens", (row) => (row.role === "metrics" ? "metrics" : row.scopes)],
  "expires_at",
  "last_used_at",
  "revoked_at",
];

export interface KeyOptions {
  name: string;
  scope?: string[];
  expires?: string;
}

/** What a new key may be told, for oneself and for customers. */
export function withKeyOptions(command: Command): Command {
  return command
    .option("--name <name>", "what it is for", "cli")
    .option(
      "--scope <scope>",
      "read, orders or money; several times for several; else those of the key that asks",
      each,
    )
    .option("--expires <time>", "from when on it opens nothing, like 2027-01-31T00:00:00Z");
}

export function keyWish({ name, scope, expires }: KeyOptions): Record<string, unknown> {
  return {
    name,
    ...(scope !== undefined && { scopes: scope }),
    ...(expires !== undefined && { expires_at: expires }),
  };
}

export function addKeyCommands(program: Command): void {
  const key = program.command("key").description("your API keys: what each opens, and until when");

  withKeyOptions(key.command("create"))
    .description("a key that opens no more than the one that asks; it is shown once")
    .action(
      withContext(async ({ api, output }, options: KeyOptions) => {
        const row = await api.post("/api-keys", keyWish(options));
        printDone(output, String(row.key), row);
      }),
    );
  key
    .command("list")
    .description("your keys, by their first characters")
    .action(
      withContext(async ({ api, output }) => printList(output, await api.list("/api-keys"), KEY_COLUMNS)),
    );
  key
    .command("revoke <id>")
    .description("from now on it opens nothing")
    .action(
      withContext(async ({ api, output }, id: string) => {
        await api.delete(`/api-keys/${encodeURIComponent(id)}`);
        printDone(output, `Key ${id} no longer opens anything.`, { id });
      }),
    );
}
