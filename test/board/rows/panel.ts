/** What a panel of the board is, before Grafana's own format, and how its queries name metrics. */
import { METRIC_PREFIX } from "@remotegpu/shared/metrics/metric-family";
import { labelsOfSeries } from "../../support/monitoring/query-names.ts";

/** Grafana's names of units. */
type Unit =
  | "short"
  | "s"
  | "bytes"
  | "percentunit"
  | "reqps"
  | "ops"
  | "celsius"
  | "watt"
  | "hertz"
  | "cpm"
  | "none";

export interface Query {
  expr: string;
  /** Grafana writes the labels between double braces. */
  legend: string;
}

export interface Panel {
  title: string;
  /** What is not said by the title; the metrics' own help says the rest. */
  description?: string;
  unit: Unit;
  kind: "timeseries" | "stat";
  queries: readonly [Query, ...Query[]];
}

export interface Row {
  title: string;
  panels: readonly [Panel, ...Panel[]];
}

/**
 * A selector of series, with its name as the metric tables have it: `hosts` becomes `remotegpu_hosts`.
 * @param matchers by label: a variable (`$host`) matches as a regular expression, as does what begins with a tilde
 * @throws Error for a name or a label that no table has
 */
export function series(name: string, matchers: Readonly<Record<string, string>> = {}): string {
  const labels = labelsOfSeries(name);
  if (labels === undefined) throw new Error(`no table has a series ${name}`);
  const unknown = Object.keys(matchers).find((label) => !labels.includes(label));
  if (unknown !== undefined) throw new Error(`${name} has no label ${unknown}`);
  const written = Object.entries(matchers).map(([label, value]) => matcherOf(label, value));
  return `${METRIC_PREFIX}${name}${written.length === 0 ? "" : `{${written.join(",")}}`}`;
}

function matcherOf(label: string, value: string): string {
  if (value.startsWith("~")) return `${label}=~"${value.slice(1)}"`;
  return `${label}${value.startsWith("$") ? "=~" : "="}"${value}"`;
}

/** How much a counter rises in a second. */
export function rateOf(selector: string): string {
  return `rate(${selector}[$__rate_interval])`;
}

/** The time within which 19 of 20 ended. @param by labels that stay */
export function slowestTwentieth(
  histogram: string,
  { by, matchers = {} }: { by: string; matchers?: Readonly<Record<string, string>> },
): string {
  const buckets = rateOf(series(`${histogram}_bucket`, matchers));
  return `histogram_quantile(0.95, sum by (le, ${by}) (${buckets}))`;
}

export function graph(title: string, unit: Unit, ...queries: [Query, ...Query[]]): Panel {
  return { title, unit, kind: "timeseries", queries };
}

export function stat(title: string, unit: Unit, ...queries: [Query, ...Query[]]): Panel {
  return { title, unit, kind: "stat", queries };
}
