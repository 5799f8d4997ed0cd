/** `remotegpu price …` and `remotegpu spec …`: the catalogue, and what a change of it would mean. */
import type { Command } from "commander";
import { GIB } from "@remotegpu/shared/units";
import { z } from "zod";
import type { Row } from "../api-client.ts";
import { jsonObject } from "../arguments.ts";
import { body, withContext } from "../context.ts";
import { printDone, printList, printOne, type Column, type Output } from "../output.ts";

const Examples = z.looseObject({ made: z.array(z.string()), kept: z.array(z.string()) });

const Rows = z.array(z.looseObject({}));
const Entry = z.looseObject({ unit_price: z.string(), billing_unit: z.string(), effective_from: z.string() });
const Preview = z.looseObject({ prices: Rows, runs: Rows, customers: Rows });

const PREVIEWED: Column[] = [
  "spec",
  "line",
  "unit_price",
  ["per", (row) => row.billing_unit],
  "effective_from",
  ["in place of", (row) => entriesText([row.supersedes])],
  ["until", (row) => entriesText(row.superseded_by)],
  ["refused", (row) => row.refusal],
];
const HOURS: Column[] = [
  ["an hour now", (row) => row.per_hour_now],
  ["an hour anew", (row) => row.per_hour_anew],
];

/** What runs now keeps its price; "anew" is what it would cost if all of it were started again. */
function printPreview(output: Output, answer: Row): void {
  if (output.json) return printOne(output, answer);
  const { prices, runs, customers } = Preview.parse(answer);
  printList(output, prices, PREVIEWED);
  output.write("\n");
  const ofRuns: Column[] = [
    "spec",
    ["kind", (row) => row.resource_type],
    "keeping",
    ["not begun", (row) => row.not_begun],
  ];
  printList(output, runs, [...ofRuns, ...HOURS], "Nothing runs under these specs.");
  if (customers.length === 0) return;
  output.write("\n");
  printList(output, customers, [["customer", (row) => row.customer_id], "username", ...HOURS]);
}

function entriesText(entries: unknown): string | null {
  const texts = z
    .array(Entry.nullable())
    .parse(entries)
    .flatMap((entry) =>
      entry === null ? [] : [`${entry.unit_price} per ${entry.billing_unit} from ${entry.effective_from}`],
    );
  return texts.length === 0 ? null : texts.join("; ");
}

function noShape(spec: string): string {
  return `Orders under ${spec} are refused until it has a shape: remotegpu spec set ${spec} --shape '{"cpu":8,"memory":${16 * GIB},"gpu":1}'`;
}

function eachObject(text: string, before: object[] = []): object[] {
  return [...before, jsonObject(text)];
}

export function addPriceCommands(program: Command): void {
  const price = program.command("price").description("the catalogue");
  price
    .command("list")
    .description("every price, also those that begin later")
    .option("--spec <spec>")
    .action(
      withContext(async ({ api, output }, options: { spec?: string }) =>
        printList(
          output,
          await api.list("/prices", { spec: options.spec }),
          ["spec", "line", "unit_price", "billing_unit", "effective_from"],
          "No prices yet. Set one: remotegpu price set default gpu 3.5 --per hour",
        ),
      ),
    );
  price
    .command("set <spec> <line> <unit-price>")
    .description("a price from a moment on (admins); running work keeps the price it began with")
    .option("--per <unit>", "minute, hour or day", "hour")
    .option("--from <time>", "RFC 3339; now by default, past only for runs that wait uncharged for it")
    .action(
      withContext(
        async (
          { api, output },
          spec: string,
          line: string,
          unitPrice: string,
          options: { per: string; from?: string },
        ) => {
          const row = await api.post("/prices", {
            spec,
            line,
            unit_price: unitPrice,
            billing_unit: options.per,
            ...(options.from && { effective_from: options.from }),
          });
          const done = `${line} of ${spec} costs ${unitPrice} per ${options.per}.`;
          printDone(output, row.hint === null ? done : `${done}\n${noShape(spec)}`, row);
        },
      ),
    );
  price
    .command("preview <spec> <line> <unit-price>")
    .description("what a price would change (admins); nothing is written")
    .option("--per <unit>", "minute, hour or day", "hour")
    .option("--from <time>", "RFC 3339; now by default")
    .option("--also <json>", "a further price, as the API takes it; repeat", eachObject)
    .action(
      withContext(
        async (
          { api, output },
          spec: string,
          line: string,
          unitPrice: string,
          { per, from, also = [] }: { per: string; from?: string; also?: object[] },
        ) => {
          const first = {
            spec,
            line,
            unit_price: unitPrice,
            billing_unit: per,
            ...(from && { effective_from: from }),
          };
          printPreview(output, await api.post("/prices/preview", { prices: [first, ...also] }));
        },
      ),
    );
  price
    .command("examples")
    .description(
      "put the specs basic, standard and premium into the catalogue (admins); none that is there is changed",
    )
    .action(
      withContext(async ({ api, output }) => {
        const row = await api.post("/prices/examples");
        const { made, kept } = Examples.parse(row);
        const left = kept.length === 0 ? "" : ` Left as they are: ${kept.join(", ")}.`;
        printDone(output, `Made: ${made.join(", ") || "none"}.${left}`, row);
      }),
    );

  const spec = program.command("spec").description("what is sold, and its shape");
  spec
    .command("list")
    .description("every spec")
    .action(
      withContext(async ({ api, output }) =>
        printList(output, await api.list("/specs"), ["spec", "description", "shape"]),
      ),
    );
  spec
    .command("show <spec>")
    .description("one spec")
    .action(
      withContext(async ({ api, output }, name: string) =>
        printOne(output, await api.get(`/specs/${encodeURIComponent(name)}`)),
      ),
    );
  spec
    .command("set <spec>")
    .description("add a spec or change it (admins)")
    .option("--shape <json>", "what an order may not exceed", jsonObject)
    .option("--description <text>")
    .action(
      withContext(async ({ api, output }, name: string, options: object) => {
        const row = await api.put(`/specs/${encodeURIComponent(name)}`, body(options));
        printDone(output, `Spec ${name} is set.`, row);
      }),
    );
}
