/** `remotegpu registry-credential …`: what private images are fetched with. Passwords are read, never shown. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { wholeNumber } from "./arguments.ts";
import { CliError } from "./cli-error.ts";
import { withContext } from "./context.ts";
import { printDone, printList, type Column } from "./output.ts";
import { askForSecret, withoutLineEnd } from "./secret-input.ts";

const COLUMNS: Column[] = [
  "id",
  "registry",
  "username",
  ["for", ({ workspace_id: id }) => (typeof id === "number" ? `workspace ${id}` : "you")],
  ["usable", (row) => (row.usable === true ? "yes" : "no: give it anew")],
  "created_at",
];

export function addRegistryCommands(program: Command): void {
  const credential = program
    .command("registry-credential")
    .description("credentials of registries, with which hosts fetch private images");

  credential
    .command("add <registry>")
    .description(
      "give one, in place of an earlier one for that registry; the password is asked for, or read from standard input",
    )
    .requiredOption("--username <name>")
    .option("--workspace <id>", "for all that is ordered there; else for what you order", wholeNumber)
    .option("--password-file <file>", "read the password, or token, from there")
    .action(
      withContext(async ({ api, output }, registry: string, options: AddOptions) => {
        const password =
          options.passwordFile === undefined
            ? await askForSecret(`Password of ${options.username} at ${registry}: `)
            : passwordIn(options.passwordFile);
        const row = await api.post("/registry-credentials", {
          registry,
          username: options.username,
          password,
          ...(options.workspace !== undefined && { workspace_id: options.workspace }),
        });
        const whose = options.workspace === undefined ? "what you order" : `workspace ${options.workspace}`;
        printDone(
          output,
          `Hosts fetch from ${String(row.registry)} as ${options.username} for ${whose}.`,
          row,
        );
      }),
    );

  credential
    .command("list")
    .description("yours, and those of workspaces that you own or administer")
    .option("--workspace <id>", "of one workspace", wholeNumber)
    .action(
      withContext(async ({ api, output }, options: { workspace?: number }) => {
        const rows = await api.list("/registry-credentials", { workspace_id: options.workspace?.toString() });
        printList(
          output,
          rows,
          COLUMNS,
          "No credentials. Give one: remotegpu registry-credential add REGISTRY --username NAME",
        );
      }),
    );

  credential
    .command("remove <id>")
    .description("take one back; hosts get it no longer")
    .action(
      withContext(async ({ api, output }, id: string) => {
        await api.delete(`/registry-credentials/${encodeURIComponent(id)}`);
        printDone(output, `Credential ${id} is gone.`, { id });
      }),
    );
}

interface AddOptions {
  username: string;
  workspace?: number;
  passwordFile?: string;
}

function passwordIn(file: string): string {
  try {
    return withoutLineEnd(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new CliError("usage", `The file ${file} cannot be read.`, { cause });
  }
}
