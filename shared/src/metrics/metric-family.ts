/**
 * A family of metrics: one name with its samples. The tables of both programs are made of these, and from the tables come
 * what is served to Prometheus, the board, and the page that lists them.
 */

/** All names begin so. */
export const METRIC_PREFIX = "remotegpu_";

export interface MetricFamily {
  /** Without the prefix: "agent_outbox_rows". */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  /** A sentence for people. Of a counter of money it says that it is approximate, for graphs. */
  readonly help: string;
  readonly labels: readonly string[];
  /** The upper bounds of a histogram's buckets, in the family's unit. */
  readonly buckets?: readonly number[];
}

export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
