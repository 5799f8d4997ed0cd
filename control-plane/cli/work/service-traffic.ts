/** `remotegpu service traffic`: what a service answered, how fast, for whom, and what a thousand of it cost. */
import { z } from "zod";
import { wholeNumber, words } from "../framework/arguments.ts";
import { command, flag, option, resourceField } from "../framework/command.ts";
import { segment } from "../framework/list-command.ts";
import { type Column, type Output, printDone, printList, sizeText } from "../framework/output.ts";
import { safeText } from "../terminal/safe-text.ts";

const Spread = z.object({ p50_ms: z.number().nullable(), p99_ms: z.number().nullable() });
const Figures = z.object({
  requests: z.int(),
  status_4xx: z.int(),
  status_5xx: z.int(),
  unanswered: z.int(),
  bytes_sent: z.int(),
  took: Spread,
  first_byte: Spread,
  waited: Spread,
  token_answers: z.int(),
  token_silent: z.int(),
  prompt_tokens: z.int().nullable(),
  completion_tokens: z.int().nullable(),
  tokens_per_second: z.number().nullable(),
});
const Traffic = z.object({
  in_flight: z.int(),
  held: z.int(),
  own_answers: z.int(),
  total: Figures,
  keys: z.array(Figures.extend({ key_name: z.string() })),
  revisions: z.array(Figures.extend({ revision: z.int() })),
  cost: z.object({
    amount: z.string(),
    until: z.string().nullable(),
    per_thousand_requests: z.string().nullable(),
    per_million_tokens: z.string().nullable(),
  }),
  items: z.array(Figures.extend({ minute: z.string() })),
});

export type ServiceTraffic = z.output<typeof Traffic>;

const MINUTES = 20;

export const SERVICE_TRAFFIC = command({
  name: "traffic",
  summary: "requests, latency, reported tokens and cost; of the last hour",
  takes: {
    service: resourceField("service", "service"),
    start_time: option(
      "--from <time>",
      "from this minute on, like 2027-01-31T00:00:00Z; minutes are kept for 30 days",
      words(),
    ),
    end_time: option("--to <time>", "before this moment; else until now", words()),
    key: option("--of-key <name>", "only of the key with this name", words()),
    keys: flag("--by-key", "a line for each key in place of minutes"),
    revisions: flag("--by-revision", "a line for each revision in place of minutes"),
    limit: option("--limit <count>", `how many minutes; ${MINUTES} unless told`, wholeNumber()),
  },
  isWatchable: true,
  more: "Gateways write down every five seconds what they counted; of one that is killed, at most the last five are missing. What replicas answered shares their cost: a key's part is its share of the requests.",
  examples: ["service traffic chat", "service traffic chat --by-key --from 2027-01-01T00:00:00Z"],
  run: async ({ api, output }, { service, keys, revisions, limit = MINUTES, ...query }) => {
    const requested = { ...query, limit: String(Math.min(Math.max(limit, 1), 200)) };
    const reported = await api.get(`/inference-services/${segment(service)}/traffic`, requested);
    if (output.format === "json" || output.format === "name") return printDone(output, "", reported);
    const by = keys ? "keys" : revisions ? "revisions" : "minutes";
    printTraffic(output, Traffic.parse(reported), { by, key: query.key ?? null });
  },
});

type By = "minutes" | "keys" | "revisions";

/** @param key null: of all of them */
export function printTraffic(
  output: Output,
  traffic: ServiceTraffic,
  { by, key }: { by: By; key: string | null },
): void {
  output.write(
    summaryLines(traffic, key)
      .map((line) => `${safeText(line)}\n`)
      .join(""),
  );
  const rows = { minutes: traffic.items, keys: traffic.keys, revisions: traffic.revisions }[by];
  if (rows.length === 0) return;
  output.write("\n");
  printList(output, rows, [FIRST[by], ...COLUMNS]);
}

function summaryLines(
  { total, own_answers: own, in_flight, held, cost }: ServiceTraffic,
  key: string | null,
): string[] {
  const failed = [
    `${total.status_4xx} of 400 to 499`,
    `${total.status_5xx} of 500 and above`,
    `${total.unanswered} that nobody waited for`,
  ];
  const slow = `Half within ${msText(total.took.p50_ms)}, 99 of 100 within ${msText(total.took.p99_ms)}; first byte ${msText(total.first_byte.p50_ms)} and ${msText(total.first_byte.p99_ms)}.`;
  return [
    `${total.requests} requests: ${failed.join(", ")}; ${own} answered by the gateway itself.`,
    ...(total.took.p50_ms === null ? [] : [slow]),
    `${in_flight} in flight, ${held} waiting now.`,
    ...tokenLines(total),
    ...costLines(cost, key),
  ];
}

/** Nothing of what never tells any. */
function tokenLines(total: ServiceTraffic["total"]): string[] {
  const { token_answers, token_silent, prompt_tokens, completion_tokens, tokens_per_second } = total;
  if (token_answers + token_silent === 0) return [];
  const silent = token_silent === 0 ? "" : `; not reported by ${token_silent} answers`;
  if (prompt_tokens === null) return [`Tokens: not reported by ${token_silent} answers.`];
  const speed = tokens_per_second === null ? "" : ` (${tokens_per_second} a second)`;
  return [`Tokens: ${prompt_tokens} prompt, ${String(completion_tokens)} completion${speed}${silent}.`];
}

function costLines(
  { amount, until, per_thousand_requests: thousand, per_million_tokens: million }: ServiceTraffic["cost"],
  key: string | null,
): string[] {
  if (until === null) return ["Nothing of it was charged yet."];
  const whose = key === null ? "" : `, the share of ${key} by its requests`;
  const each = [
    ...(thousand === null ? [] : [`${thousand} per 1,000 requests`]),
    ...(million === null ? [] : [`${million} per million tokens`]),
  ];
  return [`Charged until ${until}${whose}: ${[amount, ...each].join(", ")}.`];
}

const FIRST: Record<By, Column> = {
  minutes: "minute",
  keys: ["key", (row) => (row.key_name === "" ? "(none)" : row.key_name)],
  revisions: "revision",
};

const COLUMNS: Column[] = [
  "requests",
  ["4xx", (row) => row.status_4xx],
  ["5xx", (row) => row.status_5xx],
  ["p50", (row) => msText(Figures.parse(row).took.p50_ms)],
  ["p99", (row) => msText(Figures.parse(row).took.p99_ms)],
  { ifRoom: ["first byte", (row) => msText(Figures.parse(row).first_byte.p50_ms)] },
  { ifRoom: ["waited p99", (row) => msText(Figures.parse(row).waited.p99_ms)] },
  { ifRoom: ["sent", (row) => sizeText(row.bytes_sent)] },
  ["prompt", (row) => row.prompt_tokens],
  ["completion", (row) => row.completion_tokens],
];

function msText(ms: number | null): string {
  if (ms === null) return "-";
  return ms < 1_000 ? `${Math.round(ms * 10) / 10} ms` : `${Math.round(ms / 100) / 10} s`;
}
