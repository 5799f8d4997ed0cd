/** `remotegpu service traffic`: what a service answered, how fast, for whom, and what a thousand of it cost. */
import { given } from "../../../client/api-request.ts";
import { getServiceTraffic } from "../../../client/generated/api.ts";
import type {
  ServiceTraffic as Traffic,
  TrafficMinute,
  TrafficOfKey,
  TrafficOfRevision,
  TrafficTotal,
} from "../../../client/generated/api.schemas.ts";
import { wholeNumber, words } from "../../framework/arguments.ts";
import { command, flag, option, resourceField } from "../../framework/command.ts";
import { type Column, type Output, printDone, printList, sizeText } from "../../framework/output.ts";
import { safeText } from "../../terminal/safe-text.ts";

export type ServiceTraffic = Pick<
  Traffic,
  "in_flight" | "held" | "own_answers" | "total" | "keys" | "revisions" | "items"
> & { cost: Omit<Traffic["cost"], "from"> };

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
    const minutes = Math.min(Math.max(limit, 1), 200);
    const requested = given({ ...query, limit: minutes });
    const reported = await api.send(getServiceTraffic(service, requested));
    if (output.format === "json" || output.format === "name") return printDone(output, "", reported);
    const by = keys ? "keys" : revisions ? "revisions" : "minutes";
    printTraffic(output, reported, { by, key: query.key ?? null });
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
  const rows: readonly TrafficRow[] = {
    minutes: traffic.items,
    keys: traffic.keys,
    revisions: traffic.revisions,
  }[by];
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

/** What a minute, a key and a revision have in common, and what each is called by. */
type TrafficRow = TrafficTotal &
  Partial<
    Pick<TrafficMinute, "minute"> & Pick<TrafficOfKey, "key_name"> & Pick<TrafficOfRevision, "revision">
  >;

const FIRST: Record<By, Column<TrafficRow>> = {
  minutes: "minute",
  keys: ["key", (row) => (row.key_name === "" ? "(none)" : row.key_name)],
  revisions: "revision",
};

const COLUMNS: Column<TrafficRow>[] = [
  "requests",
  ["4xx", (row) => row.status_4xx],
  ["5xx", (row) => row.status_5xx],
  ["p50", (row) => msText(row.took.p50_ms)],
  ["p99", (row) => msText(row.took.p99_ms)],
  { ifRoom: ["first byte", (row) => msText(row.first_byte.p50_ms)] },
  { ifRoom: ["waited p99", (row) => msText(row.waited.p99_ms)] },
  { ifRoom: ["sent", (row) => sizeText(row.bytes_sent)] },
  ["prompt", (row) => row.prompt_tokens],
  ["completion", (row) => row.completion_tokens],
];

function msText(ms: number | null): string {
  if (ms === null) return "-";
  return ms < 1_000 ? `${Math.round(ms * 10) / 10} ms` : `${Math.round(ms / 100) / 10} s`;
}
