/** `remotegpu service metrics`: what Prometheus would be told, of the service as gateways counted it or by one replica. */
import { given } from "../../../client/api-request.ts";
import { getServiceMetrics } from "../../../client/generated/api.ts";
import { wholeNumber } from "../../framework/arguments.ts";
import { command, option, resourceField } from "../../framework/command.ts";
import { type Output } from "../../framework/output.ts";
import { safeText } from "../../terminal/safe-text.ts";

export const SERVICE_METRICS = command({
  name: "metrics",
  summary: "its traffic in Prometheus' format, or what one of its replicas answers at /metrics now",
  takes: {
    service: resourceField("service", "service"),
    rank: option("--rank <number>", "the page of this replica, asked through the tunnel", wholeNumber()),
  },
  examples: ["service metrics chat", "service metrics chat --rank 0"],
  run: async ({ api, output }, { service, rank }) => {
    const collected: Buffer[] = [];
    await api.stream(getServiceMetrics(service, given({ rank })), {
      accept: "text/plain, application/openmetrics-text, application/json",
      signal: new AbortController().signal,
      write: (bytes) => Promise.resolve(void collected.push(bytes)),
    });
    printMetrics(output, Buffer.concat(collected).toString("utf8"));
  },
});

/** As it came, but on a terminal, which must not obey what a program in a container writes. */
export function printMetrics(output: Output, text: string): void {
  if (output.format === "json") output.write(`${JSON.stringify({ metrics: text })}\n`);
  else output.write(output.width === null ? text : text.split("\n").map(safeText).join("\n"));
}
