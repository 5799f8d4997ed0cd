/** Every command of remotegpu, put together; main.ts runs it. */
import { Command } from "commander";
import { addAccountCommands } from "./account-commands.ts";
import { addAdminCommands } from "./admin-commands.ts";
import { addBillingCommands } from "./money/billing-commands.ts";
import { addEnvironmentCommands } from "./environment-commands.ts";
import { addKeyCommands } from "./key-commands.ts";
import { addLoginCommand } from "./login-command.ts";
import { addBookCommands } from "./money/book-commands.ts";
import { addBudgetCommands } from "./money/budget-commands.ts";
import { addWebhookCommands } from "./money/webhook-commands.ts";
import { addPortCommands } from "./port-commands.ts";
import { addProofCommands } from "./money/proof-commands.ts";
import { addRegistryCommands } from "./registry-commands.ts";
import { addJobCommands, addServiceCommands } from "./workload-commands.ts";

export function remotegpu(): Command {
  const program = new Command("remotegpu")
    .description("Rent GPUs, or rent them out. Talks to a RemoteGPU control plane.")
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 refused, 2 wrong usage, 3 server out of reach, 124 not done in time; exec: the command's own.",
    )
    .enablePositionalOptions();
  addLoginCommand(program);
  addEnvironmentCommands(program);
  addPortCommands(program);
  addJobCommands(program);
  addServiceCommands(program);
  addAccountCommands(program);
  addKeyCommands(program);
  addRegistryCommands(program);
  addBillingCommands(program);
  addBudgetCommands(program);
  addWebhookCommands(program);
  addProofCommands(program);
  addAdminCommands(program);
  addBookCommands(program);
  finish(program);
  return program;
}

/** Every command takes the general options at its own place, too: `remotegpu env list --json`. */
function finish(command: Command): void {
  command
    .exitOverride()
    .option("--json", "print JSON")
    .option("--server <url>", "control plane; or REMOTEGPU_SERVER")
    .option("--key <key>", "API key; or REMOTEGPU_KEY, which does not show in the process list")
    .option("--profile <file>", "profile file; or REMOTEGPU_PROFILE");
  for (const child of command.commands) finish(child);
}
