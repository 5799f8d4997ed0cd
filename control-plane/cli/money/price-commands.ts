/** `remotegpu price …` and `remotegpu spec …`: the catalogue, and what a change of it would mean. */
import { given } from "../../client/api-request.ts";
import {
  addExampleSpecs,
  createPrice,
  estimateOrder,
  getSpec,
  listPrices,
  listSpecs,
  previewPrices,
  restorePriceLine,
  restoreSpec,
  retirePriceLine,
  retireSpec,
  setSpec,
} from "../../client/generated/api.ts";
import type {
  EstimateLine,
  NewPrice,
  PricePreview,
  PricePreviewCustomer,
  PricePreviewPrice,
  SpecWish,
} from "../../client/generated/api.schemas.ts";
import { GIB } from "@remotegpu/shared/values/units";
import {
  apiWord,
  bytes,
  jsonObject,
  jsonObjects,
  price,
  wholeNumber,
  words,
} from "../framework/arguments.ts";
import {
  argument,
  command,
  flag,
  option,
  optionOr,
  repeated,
  resourceField,
  type Command,
  type Group,
} from "../framework/command.ts";
import { listCommand, showCommand } from "../framework/list-command.ts";
import { OFFER } from "./offer-commands.ts";
import { printDone, printList, printOne, type Column, type Output } from "../framework/output.ts";

type Entry = NonNullable<PricePreviewPrice["supersedes"]>;

const PREVIEWED: Column<PricePreviewPrice>[] = [
  "spec",
  "line",
  "unit_price",
  ["per", (row) => row.billing_unit],
  "effective_from",
  ["in place of", (row) => entriesText([row.supersedes])],
  ["until", (row) => entriesText(row.superseded_by)],
  ["refused", (row) => row.refusal],
];
const HOURS: Column<Pick<PricePreviewCustomer, "per_hour_now" | "per_hour_anew">>[] = [
  ["an hour now", (row) => row.per_hour_now],
  ["an hour anew", (row) => row.per_hour_anew],
];

/** What runs now keeps its price; "anew" is what it would cost if all of it were started again. */
function printPreview(output: Output, answer: PricePreview): void {
  if (output.format === "json") return printOne(output, answer);
  const { prices, runs, customers } = answer;
  printList(output, prices, PREVIEWED);
  output.write("\n");
  const ofRuns: Column<PricePreview["runs"][number]>[] = [
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

function entriesText(entries: readonly (Entry | null)[]): string | null {
  const texts = entries.flatMap((entry) =>
    entry === null ? [] : [`${entry.unit_price} per ${entry.billing_unit} from ${entry.effective_from}`],
  );
  return texts.length === 0 ? null : texts.join("; ");
}

function noShape(spec: string): string {
  return `Orders under ${spec} are refused until it has a shape: remotegpu spec set ${spec} --shape '{"cpu":8,"memory":${16 * GIB},"gpu":1}'`;
}

/** What the server says of it, in the words of this command. */
function leftToDo(hint: string, spec: string, line: string): string {
  if (hint.includes("/lines/"))
    return `Nothing new starts at it, as before, since it is retired: remotegpu price restore ${spec} '${line}'`;
  if (hint.includes("/restore"))
    return `New orders under ${spec} are refused as before, since it is retired: remotegpu spec restore ${spec}`;
  return noShape(spec);
}

const aPrice = () => ({
  spec: resourceField("spec", "spec"),
  line: argument("line", words()),
  unit_price: argument("unit-price", price()),
  billing_unit: optionOr("--per <unit>", "minute, hour or day", apiWord<NewPrice["billing_unit"]>(), "hour"),
});

const PRICE: Group = {
  name: "price",
  summary: "the catalogue",
  members: [
    listCommand({
      summary: "every price, also those that begin later",
      takes: { spec: option("--spec <spec>", "of one spec", words(), { of: "spec" }) },
      request: ({ spec }) => listPrices(given({ spec })),
      columns: ["spec", "line", "unit_price", "billing_unit", "effective_from"],
      empty: "No prices yet. Set one: remotegpu price set default gpu 3.5 --per hour",
    }),
    command({
      name: "set",
      summary: "a price from a moment on (admins); running work keeps the price it began with",
      takes: {
        ...aPrice(),
        effective_from: option(
          "--from <time>",
          "RFC 3339; now by default, past only for runs that wait uncharged for it",
          words(),
        ),
        new_spec: flag("--new-spec", "make the spec, where it is not there"),
      },
      run: async ({ api, output }, members) => {
        const { spec, line, unit_price: unitPrice, billing_unit: unit } = members;
        const { hint, ...added } = await api.send(createPrice(given(members)));
        const done = `${line} of ${spec} costs ${unitPrice} per ${unit}.`;
        const left = hint === null ? "" : `\n${leftToDo(hint, spec, line)}`;
        printDone(output, `${done}${left}`, { hint, ...added });
      },
    }),
    command({
      name: "preview",
      summary: "what a price would change (admins); nothing is written",
      takes: {
        ...aPrice(),
        effective_from: option("--from <time>", "RFC 3339; now by default", words()),
        new_spec: flag("--new-spec", "as if the spec were made with it, where it is not there"),
        also: repeated(
          "--also <json>",
          "a further price, as the API takes it; repeat",
          jsonObjects<NewPrice>(),
        ),
      },
      run: async ({ api, output }, { also = [], ...members }) =>
        printPreview(output, await api.send(previewPrices({ prices: [given(members), ...also] }))),
    }),
    command({
      name: "retire",
      summary: "nothing new starts at this line of a spec (admins); what runs goes on at its prices",
      takes: { spec: resourceField("spec", "spec"), line: argument("line", words()) },
      examples: ["price retire default 'gpu:NVIDIA A100-SXM4-40GB'"],
      run: async ({ api, output }, { spec, line }) => {
        const row = await api.send(retirePriceLine(spec, line));
        printDone(
          output,
          `${line} of ${spec} is retired. Sell at it again: remotegpu price restore ${spec} '${line}'`,
          row,
        );
      },
    }),
    command({
      name: "restore",
      summary: "sell at a retired line of a spec again (admins)",
      takes: { spec: resourceField("spec", "spec"), line: argument("line", words()) },
      run: async ({ api, output }, { spec, line }) => {
        const row = await api.send(restorePriceLine(spec, line));
        printDone(output, `${line} of ${spec} is sold at again.`, row);
      },
    }),
    command({
      name: "examples",
      summary:
        "put the specs basic, standard and premium into the catalogue (admins); none that is there is changed",
      run: async ({ api, output }) => {
        const row = await api.send(addExampleSpecs());
        const { made, kept: stored } = row;
        const left = stored.length === 0 ? "" : ` Left as they are: ${stored.join(", ")}.`;
        printDone(output, `Made: ${made.join(", ") || "none"}.${left}`, row);
      },
    }),
  ],
};

const SPEC: Group = {
  name: "spec",
  summary: "what is sold, and its shape",
  members: [
    listCommand({
      summary: "every spec",
      request: () => listSpecs(),
      columns: [
        ["spec", (row) => (row.retired_at === null ? row.spec : `${row.spec} (retired)`)],
        "description",
        "shape",
        { wide: "retired_at" },
        { wide: ["retired_lines", (row) => row.retired_lines.join(", ") || null] },
      ],
    }),
    showCommand({
      summary: "one spec",
      takes: { spec: resourceField("spec", "spec") },
      request: ({ spec }) => getSpec(spec),
    }),
    command({
      name: "set",
      summary: "add a spec or change it (admins)",
      takes: {
        spec: resourceField("spec", "spec"),
        shape: option(
          "--shape <json>",
          "what an order may not exceed",
          jsonObject<NonNullable<SpecWish["shape"]>>(),
        ),
        description: option("--description <text>", "what it is", words()),
      },
      run: async ({ api, output }, { spec, ...members }) => {
        const row = await api.send(setSpec(spec, given(members)));
        printDone(output, `Spec ${spec} is set.`, row);
      },
    }),
    command({
      name: "retire",
      summary: "no new order may use it (admins); what runs or waits goes on at its prices",
      takes: { spec: resourceField("spec", "spec") },
      run: async ({ api, output }, { spec }) => {
        const row = await api.send(retireSpec(spec));
        printDone(output, `Spec ${spec} is retired. Sell it again: remotegpu spec restore ${spec}`, row);
      },
    }),
    command({
      name: "restore",
      summary: "sell a retired spec again (admins), at the prices that it has",
      takes: { spec: resourceField("spec", "spec") },
      run: async ({ api, output }, { spec }) => {
        const row = await api.send(restoreSpec(spec));
        printDone(output, `Spec ${spec} is sold again.`, row);
      },
    }),
  ],
};

const ESTIMATE_COLUMNS: Column<EstimateLine>[] = [
  "line",
  "quantity",
  "unit_price",
  ["per", (row) => row.billing_unit],
  "amount",
];

const ESTIMATE = command({
  name: "estimate",
  summary: "what an order would cost, by the code that charges it, and whether the fleet can hold it",
  takes: {
    spec: option("--spec <spec>", "priced as this spec", words(), { of: "spec" }),
    cpu: optionOr("--cpu <cores>", "CPU cores", wholeNumber(), "1"),
    memory: optionOr("--memory <size>", "memory", bytes(), "1G"),
    gpu: optionOr("--gpu <count>", "GPUs", wholeNumber(), "0"),
    gpu_model: option("--gpu-model <model>", "only this model", words()),
    instances: option("--instances <count>", "how many of it at once", wholeNumber()),
    minutes: optionOr("--minutes <count>", "for how long", wholeNumber(), "60"),
  },
  run: async ({ api, output }, members) => {
    const estimate = await api.send(estimateOrder(given(members)));
    if (output.format === "json") return printOne(output, estimate);
    const { lines, fits: _fits, fits_reason: fitsReason, free_loading_minutes: loading, ...total } = estimate;
    printList(output, lines, ESTIMATE_COLUMNS);
    printOne(output, total);
    // What is estimated has no kind, and only replicas load.
    if (loading > 0)
      output.write(
        `Of all your services together ${loading} minutes of loading in each hour (UTC) are free besides, of one replica at a time, by the rule loading.\n`,
      );
    output.write(`${fitsReason}\n`);
  },
});

export const CATALOGUE: readonly (Command | Group)[] = [OFFER, PRICE, SPEC, ESTIMATE];
