/** `why`: why a workload waits, host by host, and what would start it now; else what it does. */
import type { Command } from "commander";
import { z } from "zod";
import { withContext } from "./context.ts";
import { printList, printOne } from "./output.ts";

const Rows = z.array(z.looseObject({})).default([]);
const Why = z.looseObject({ hosts: Rows, image_fetches: Rows, suggestions: Rows });

/** @param route "/environments" and the like */
export function addWhyCommand(group: Command, route: string): void {
  group
    .command("why <id>")
    .description("why it waits, host by host, and what would start it now; else what it does")
    .action(
      withContext(async ({ api, output }, id: string) => {
        const answer = await api.get(`${route}/${encodeURIComponent(id)}/why`);
        if (output.json) return printOne(output, answer);
        const { hosts, image_fetches: fetches, suggestions, ...why } = Why.parse(answer);
        printOne(output, why);
        // Only what waits for a place is a matter of hosts.
        if (why.status !== "queued") return;
        printList(output, hosts, [["host", (row) => row.host_id ?? row.id], "reason"], "No host to ask.");
        if (fetches.length > 0)
          printList(output, fetches, [
            ["image fetched by", (row) => row.host_id],
            "since",
            ["how it ended", (row) => row.reason],
          ]);
        printList(
          output,
          suggestions,
          [["what would start it", (row) => row.sentence], "field", "value"],
          "No single change would start it now.",
        );
      }),
    );
}
