/** `remotegpu settings …`: what the fleet's owner changes while everything runs. */
import type { Command } from "commander";
import { withContext } from "./context.ts";
import { printDone, printList } from "./output.ts";

export function addSettingsCommands(program: Command): void {
  const settings = program.command("settings").description("settings of the whole fleet (admins)");
  settings
    .command("list")
    .description("every setting, its value and what it takes")
    .action(
      withContext(async ({ api, output }) =>
        printList(output, await api.list("/settings"), ["key", "value", "default", "values", "description"]),
      ),
    );
  settings
    .command("set <key> <value>")
    .description("change one; it holds from the next order on")
    .action(
      withContext(async ({ api, output }, key: string, value: string) => {
        const row = await api.put(`/settings/${encodeURIComponent(key)}`, { value });
        printDone(output, `${key} is ${String(row.value)}.`, row);
      }),
    );
}
