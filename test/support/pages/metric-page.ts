/** Tables of metrics as pages have them; the tests of the pages compare, and print what is to stand there. */
import { METRIC_PREFIX, type MetricFamily } from "@remotegpu/shared/metrics/metric-family";

/** A line of a page's table. */
export function metricRow({ name, type, labels, help }: MetricFamily): string {
  const named = labels.length === 0 ? "" : labels.map((label) => `\`${label}\``).join(", ");
  return `| \`${METRIC_PREFIX}${name}\` | ${type} | ${named} | ${help} |`;
}

/** The rows of metrics in a page. */
export function metricRowsIn(page: string): string[] {
  return page.split("\n").filter((line) => line.startsWith(`| \`${METRIC_PREFIX}`));
}
