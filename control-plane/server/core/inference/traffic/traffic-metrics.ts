/** A service's traffic in Prometheus' text format: counters since its beginning, and gauges of now. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { BUCKET_BOUNDS_MS, BUCKETS, type TrafficCounts } from "./traffic-counts.ts";

type Counted = TrafficCounts & { key_name: string; revision: number };

export interface ServiceNow {
  inFlight: number;
  held: number;
  wanted: number;
  ready: number;
}

const CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

export function trafficMetrics(counted: readonly Counted[], now: ServiceNow): string {
  const revisions = [...new Set(counted.map(({ revision }) => revision))];
  const ofRevision = (revision: number) => counted.filter((one) => one.revision === revision);
  return [
    ...metric(
      "requests_total",
      "counter",
      "Requests that are over, by the class of their status; none: nobody waited for it.",
      counted.flatMap((one) => [
        ...CLASSES.map((of): Sample => [{ ...whose(one), class: of }, one[`status_${of}`]]),
        [{ ...whose(one), class: "none" }, one.unanswered] satisfies Sample,
      ]),
    ),
    ...metric(
      "cut_off_total",
      "counter",
      "Answers that had begun and did not come to their end.",
      each(counted, "cut_off"),
    ),
    ...metric("sent_bytes_total", "counter", "Bytes of answers, heads and all.", each(counted, "bytes")),
    ...histogram("request_seconds", "From a request to the end of its answer.", revisions, (revision) =>
      ofRevision(revision).map(({ took_buckets, took_ms }) => [took_buckets, took_ms]),
    ),
    ...histogram(
      "first_byte_seconds",
      "From a request to the first byte of a replica's answer.",
      revisions,
      (revision) =>
        ofRevision(revision).map(({ first_byte_buckets, first_byte_ms }) => [
          first_byte_buckets,
          first_byte_ms,
        ]),
    ),
    ...histogram("queue_seconds", "How long requests waited for a replica.", revisions, (revision) =>
      ofRevision(revision).map(({ queued_buckets, queued_ms }) => [queued_buckets, queued_ms]),
    ),
    ...metric("prompt_tokens_total", "counter", "Of answers that told them.", each(counted, "prompt_tokens")),
    ...metric(
      "completion_tokens_total",
      "counter",
      "Of answers that told them.",
      each(counted, "completion_tokens"),
    ),
    ...metric(
      "token_answers_total",
      "counter",
      "Answers that told their tokens, and those of which it was expected.",
      counted.flatMap((one): Sample[] => [
        [{ ...whose(one), reported: "yes" }, one.token_answers],
        [{ ...whose(one), reported: "no" }, one.token_silent],
      ]),
    ),
    ...metric("in_flight", "gauge", "Requests that replicas have now.", [[{}, now.inFlight]]),
    ...metric("queued", "gauge", "Requests that wait for a replica now.", [[{}, now.held]]),
    ...metric("replicas_wanted", "gauge", "Replicas that are wanted.", [[{}, now.wanted]]),
    ...metric("replicas_ready", "gauge", "Replicas that serve.", [[{}, now.ready]]),
    "",
  ].join("\n");
}

type Labels = Record<string, string>;
type Sample = readonly [labels: Labels, value: number];

function each(
  counted: readonly Counted[],
  name: "cut_off" | "bytes" | "prompt_tokens" | "completion_tokens",
): Sample[] {
  return counted.map((one) => [whose(one), one[name]]);
}

/** Revision 0 is the gateways themselves. */
function whose({ revision, key_name: key }: Counted): Labels {
  return { revision: String(revision), key };
}

function metric(
  name: string,
  type: "counter" | "gauge" | "histogram",
  help: string,
  samples: readonly Sample[],
): string[] {
  return [
    `# HELP remotegpu_service_${name} ${help}`,
    `# TYPE remotegpu_service_${name} ${type}`,
    ...samples.map((sample) => line(name, sample)),
  ];
}

function histogram(
  name: string,
  help: string,
  revisions: readonly number[],
  of: (revision: number) => (readonly [buckets: readonly number[], sumMs: number])[],
): string[] {
  const lines = revisions.flatMap((number) => {
    const parts = of(number);
    const revision = String(number);
    const inEach = Array.from({ length: BUCKETS }, (_, at) =>
      parts.reduce((sum, [buckets]) => sum + (buckets[at] ?? 0), 0),
    );
    const upTo = inEach.map((_, at) => inEach.slice(0, at + 1).reduce((sum, one) => sum + one, 0));
    const sum = parts.reduce((so, [, ms]) => so + ms, 0) / MS_PER_SECOND;
    return [
      ...upTo.map((count, at) => {
        const bound = BUCKET_BOUNDS_MS[at];
        const le = bound === undefined ? "+Inf" : String(bound / MS_PER_SECOND);
        return line(`${name}_bucket`, [{ revision, le }, count]);
      }),
      line(`${name}_sum`, [{ revision }, sum]),
      line(`${name}_count`, [{ revision }, upTo.at(-1) ?? 0]),
    ];
  });
  return [...metric(name, "histogram", help, []), ...lines];
}

function line(name: string, [labels, value]: Sample): string {
  const reported = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  const braces = reported.length === 0 ? "" : `{${reported.join(",")}}`;
  return `remotegpu_service_${name}${braces} ${value}`;
}

/** Names of keys are their owners'. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
