/** An inference service and its traffic as the API tells them, and the figures that the page makes of them. */
import type { InferenceService, ServiceTraffic } from "@remotegpu/control-plane/client/generated/api.schemas";

export type Service = InferenceService;
export type Replica = Service["instances"][number];
export type Traffic = ServiceTraffic;

/** Minutes of the chart. */
export const CHART_MINUTES = 60;

const MS_PER_MINUTE = 60_000;

export interface Minutes {
  /** Seconds since 1970, one a minute, without a gap. */
  times: number[];
  requestsPerSecond: number[];
  p50: (number | null)[];
  p95: (number | null)[];
  errors: number[];
  tokensPerSecond: (number | null)[];
}

/** A minute that nobody asked in is told by nobody: it had 0 requests, and no answer took any time. */
export function minutesOf({ items, start_time: start, end_time: end }: Traffic): Minutes {
  const loaded = new Map(items.map((one) => [Date.parse(one.minute), one]));
  const first = Math.floor(Date.parse(start) / MS_PER_MINUTE) * MS_PER_MINUTE;
  const count = Math.min(CHART_MINUTES + 1, Math.ceil((Date.parse(end) - first) / MS_PER_MINUTE));
  const minutes = Array.from({ length: Math.max(0, count) }, (_, nth) => first + nth * MS_PER_MINUTE);
  const rows = minutes.map((at) => loaded.get(at));
  return {
    times: minutes.map((at) => at / 1_000),
    requestsPerSecond: rows.map((row) => (row?.requests ?? 0) / 60),
    p50: rows.map((row) => row?.took.p50_ms ?? null),
    p95: rows.map((row) => row?.took.p95_ms ?? null),
    errors: rows.map((row) => row?.status_5xx ?? 0),
    tokensPerSecond: rows.map((row) => (row?.completion_tokens == null ? null : row.completion_tokens / 60)),
  };
}

/** Of the whole stretch; null where nobody asked. */
export function errorShare({ requests, status_5xx: failed }: Traffic["total"]): number | null {
  return requests === 0 ? null : failed / requests;
}

export function requestsPerSecond({ total, start_time: start, end_time: end }: Traffic): number {
  return total.requests / Math.max(1, (Date.parse(end) - Date.parse(start)) / 1_000);
}

/** What a terminal asks it with: the reader puts the key in. */
export function curlOf({ endpoint_url: url, config, health_check_path: path }: Service): string | null {
  if (url === null) return null;
  const address = url.replace(/\/$/, "") + (path ?? "/");
  const key = config?.["public"] === true ? "" : ` -H "Authorization: Bearer $KEY"`;
  return `curl${key} ${quoted(address)}`;
}

/** For a shell, whatever stands in it. */
function quoted(text: string): string {
  return /^[\w./:~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
