/** `remotegpu offer list`: what can be ordered now, how large, and at what price. */
import { getOffers } from "../../client/generated/api.ts";
import type { Offer, Offers } from "../../client/generated/api.schemas.ts";
import { command, type Group } from "../framework/command.ts";
import { printList, printOne, sizeText, type Column, type Output } from "../framework/output.ts";
import { safeText } from "../terminal/safe-text.ts";

const COLUMNS: Column<Offer>[] = [
  ["gpu", gpuText],
  ["each", (row) => (row.gpu_memory === null ? null : sizeText(row.gpu_memory))],
  [
    "free",
    (row) => (row.free === null ? null : `${JSON.stringify(row.free)} of ${JSON.stringify(row.total)}`),
  ],
  ["one host", (row) => row.most_on_one_host],
  ["cpu", (row) => (row.cpu === 0 ? null : row.cpu)],
  ["memory", (row) => (row.memory === 0 ? null : sizeText(row.memory))],
  ["an hour", pricesText],
];

/** What most orders name; a long catalogue is for JSON. */
const LISTED_PRICES = 3;

export const OFFER: Group = {
  name: "offer",
  aliases: ["offers"],
  summary: "which cards and shapes are free now, at what price",
  standard: "list",
  members: [
    command({
      name: "list",
      summary: "by kind of card: free now, the most on one host, CPU and memory free beside those, prices",
      isWatchable: true,
      run: async ({ api, output }) => printOffers(output, await api.send(getOffers())),
    }),
  ],
};

export function printOffers(output: Output, answer: Offers): void {
  if (output.format === "json") return printOne(output, answer);
  const { items, waiting_orders: orders, waiting_gpus: gpus } = answer;
  printList(output, items, COLUMNS);
  if (output.format === "name") return;
  const waits = `${orders} ${orders === 1 ? "order waits" : "orders wait"} for a place and ${gpus} GPUs.`;
  output.write(orders === 0 ? "Nobody waits.\n" : `${waits}\n`);
}

function gpuText({ gpu_model: model, simulated: isSimulated }: Offer): string {
  if (typeof model !== "string") return "none";
  return isSimulated && !/simulated/i.test(model) ? `${model} (simulated)` : model;
}

/** "3.5000 default", "0.1000/CPU" */
function pricesText({ prices }: Offer): string {
  if (prices.length === 0) return "no price";
  const visible = prices.slice(0, LISTED_PRICES).map(({ spec, of, price_per_hour: hourly }) => {
    const unit = UNITS[of];
    return `${hourly}${unit === undefined ? "" : `/${unit}`} ${safeText(spec)}`;
  });
  return [...visible, ...(prices.length > LISTED_PRICES ? ["…"] : [])].join(", ");
}

const UNITS: Record<string, string> = { cpu: "CPU", memory: "GiB" };
