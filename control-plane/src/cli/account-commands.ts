/** What a customer asks about itself: who it is, its workspaces and keys, its data, its balance. */
import { readFileSync } from "node:fs";
import { Option, type Command } from "commander";
import { z } from "zod";
import { bytes, wholeNumber } from "./arguments.ts";
import { body, withContext } from "./context.ts";
import { printDone, printList, printOne, type Column } from "./output.ts";
import { addMemberCommands } from "./member-commands.ts";
import { addPriceCommands } from "./money/price-commands.ts";
import { addResource } from "./resource-commands.ts";
import { EVENT_COLUMNS } from "./story-commands.ts";

const STORAGE_COLUMNS: Column[] = [
  "workspace_id",
  "day",
  "samples",
  "average_gb",
  "billable_gb",
  "unit_price",
  "amount",
  "state",
];
const StorageDays = z.object({ open: z.array(z.looseObject({})), items: z.array(z.looseObject({})) });

const ESTIMATE_COLUMNS: Column[] = [
  "line",
  "quantity",
  "unit_price",
  ["per", (row) => row.billing_unit],
  "amount",
];

export function addAccountCommands(program: Command): void {
  program
    .command("me")
    .description("who this key belongs to")
    .action(withContext(async ({ api, output }) => printOne(output, await api.get("/me"))));

  program
    .command("balance")
    .description("balance, what has accrued since the last charge, burn per hour, hours left")
    .action(withContext(async ({ api, output }) => printOne(output, await api.get("/billing/balance"))));

  program
    .command("account-events")
    .description(
      "what happened to the account: its states, and warnings that its data is at risk; newest first",
    )
    .option("--limit <count>", "how many", wholeNumber, 50)
    .action(
      withContext(async ({ api, output }, { limit }: { limit: number }) =>
        printList(output, await api.list("/billing/events", {}, limit), EVENT_COLUMNS),
      ),
    );

  program
    .command("storage")
    .description("storage of your workspaces, day by day, and what it was charged (GB are 2^30 bytes)")
    .option("--workspace <id>", "of one workspace", wholeNumber)
    .option("--limit <count>", "how many days that are over, up to 200", wholeNumber, 14)
    .action(
      withContext(async ({ api, output }, options: { workspace?: number; limit: number }) => {
        const answer = await api.get("/billing/storage", {
          workspace_id: options.workspace?.toString(),
          limit: String(options.limit),
        });
        const { open, items } = StorageDays.parse(answer);
        printList(output, [...open, ...items], STORAGE_COLUMNS, "Nothing has been sampled yet.");
      }),
    );

  program
    .command("estimate")
    .description("what an order would cost, by the code that charges it")
    .option("--spec <spec>")
    .option("--cpu <cores>", "CPU cores", wholeNumber, 1)
    .addOption(new Option("--memory <size>", "memory").argParser(bytes).default(2 ** 30, "1G"))
    .option("--gpu <count>", "GPUs", wholeNumber, 0)
    .option("--minutes <count>", "for how long", wholeNumber, 60)
    .action(
      withContext(async ({ api, output }, options: object) => {
        const estimate = await api.post("/billing/estimate", body(options));
        if (output.json) return printOne(output, estimate);
        const { lines, ...total } = estimate;
        printList(output, z.array(z.looseObject({})).parse(lines), ESTIMATE_COLUMNS);
        printOne(output, total);
      }),
    );

  const workspace = addResource(program, {
    noun: "workspace",
    route: "/workspaces",
    description: "workspaces: who shares what, and who pays",
    columns: ["id", "name", "type", "owner_id", "member_count", "status"],
    create: (command) =>
      command.argument("<name>").option("--description <text>").option("--type <type>", "team or enterprise"),
    update: (command) => command.option("--name <name>").option("--description <text>"),
  });
  addMemberCommands(workspace);
  workspace
    .command("share-weight <workspace> <weight>")
    .description("its share of GPU time beside others that wait, 1 to 1000 (admins)")
    .action(
      withContext(async ({ api, output }, id: string, weight: string) => {
        const row = await api.put(`/workspaces/${id}/share-weight`, { share_weight: wholeNumber(weight) });
        printDone(output, `Workspace ${id} has the share weight ${String(row.share_weight)}.`, row);
      }),
    );

  addResource(program, {
    noun: "ssh-key",
    route: "/ssh-keys",
    description: "SSH public keys",
    columns: ["id", "name", "fingerprint", "created_at"],
    create: (command) =>
      command
        .argument("<name>")
        .requiredOption("--public-key <file>", "a .pub file", (file: string) =>
          readFileSync(file, "utf8").trim(),
        ),
  });

  for (const [noun, route] of [
    ["dataset", "/datasets"],
    ["model", "/models"],
  ] as const) {
    addResource(program, {
      noun,
      route,
      description: `${noun}s that can be mounted`,
      columns: ["id", "name", "visibility", "status", "storage_path", "workspace_id"],
      create: (command) =>
        command
          .argument("<name>")
          .option("--description <text>")
          .option("--visibility <visibility>", "private, workspace or public")
          .option("--workspace-id <id>", "workspace it belongs to", wholeNumber)
          .option("--storage-path <path>", "folder in the pool (admins)"),
      update: (command) =>
        command.option("--name <name>").option("--description <text>").option("--visibility <visibility>"),
    });
  }

  addResource(program, {
    noun: "image",
    route: "/images",
    description: "images that are offered",
    columns: ["id", "name", "display_name", "framework", "cuda_version", "status"],
    create: (command) =>
      command
        .argument("<name>")
        .option("--display-name <text>")
        .option("--framework <name>")
        .option("--category <name>"),
    update: (command) => command.option("--display-name <text>").option("--status <status>"),
  });

  addPriceCommands(program);
}
