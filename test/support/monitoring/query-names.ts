/** The metrics that a PromQL query names, checked against the tables of both programs. */
import { CONTROL_PLANE_FAMILIES } from "@remotegpu/control-plane/server/core/metrics/families";
import { AGENT_FAMILIES } from "@remotegpu/agent/core/metrics/families";
import { METRIC_PREFIX, type MetricFamily } from "@remotegpu/shared/metrics/metric-family";

/** What the scrape adds to the labels of the tables. */
const SCRAPE_LABELS = ["instance", "job"];
const AGENT_SCRAPE_LABELS = [...SCRAPE_LABELS, "host"];

interface NamedSeries {
  name: string;
  labels: readonly string[];
}

/** @param name without the prefix; of a histogram with `_bucket`, `_sum` or `_count`. Undefined where no table has it. */
export function labelsOfSeries(name: string): readonly string[] | undefined {
  return ALL_SERIES.get(name);
}

/** What is wrong with the names of a query, as sentences; none where the tables have all of them. */
export function wrongNamesIn(query: string): string[] {
  return seriesIn(query).flatMap(wrongOf);
}

/** `remotegpu_hosts{connection="never"}` → hosts with connection. */
function seriesIn(query: string): NamedSeries[] {
  return [...query.matchAll(/\bremotegpu_(\w+)(?:\{([^}]*)\})?/g)].map(([, name = "", matchers = ""]) => ({
    name,
    labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
  }));
}

function wrongOf({ name, labels }: NamedSeries): string[] {
  const known = labelsOfSeries(name);
  if (known === undefined) return [`no table has ${METRIC_PREFIX}${name}`];
  return labels.filter((label) => !known.includes(label)).map((label) => `${name} has no label ${label}`);
}

/** The names of series with the labels that they may have. */
const ALL_SERIES: ReadonlyMap<string, readonly string[]> = new Map([
  ...AGENT_FAMILIES.flatMap((family) => seriesOf(family, AGENT_SCRAPE_LABELS)),
  ...CONTROL_PLANE_FAMILIES.flatMap((family) => seriesOf(family, SCRAPE_LABELS)),
]);

function seriesOf(
  { name, type, labels }: MetricFamily,
  scrapeLabels: readonly string[],
): [string, readonly string[]][] {
  const own = [...labels, ...scrapeLabels];
  if (type === "counter" || type === "gauge") return [[name, own]];
  const parts: [string, readonly string[]][] = [
    [`${name}_sum`, own],
    [`${name}_count`, own],
  ];
  return type === "summary" ? parts : [[`${name}_bucket`, [...own, "le"]], ...parts];
}
