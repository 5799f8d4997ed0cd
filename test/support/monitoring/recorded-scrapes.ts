/**
 * Scrapes of a server and of an agent that were recorded before and after an environment started (`npm run board:record`),
 * as series that promtool evaluates: each goes in a line from its first value to its second.
 */
import { readFileSync } from "node:fs";

export const SCRAPES = new URL("../../fixtures/scrapes/", import.meta.url);
const SCRAPED_PROGRAMS = ["control-plane", "agent"] as const;
export const SCRAPE_MOMENTS = ["before", "after"] as const;
type ScrapedProgram = (typeof SCRAPED_PROGRAMS)[number];
type ScrapeMoment = (typeof SCRAPE_MOMENTS)[number];

const STEPS = 20;
/** Exponents are no values of promtool's series. */
const DECIMALS = 9;

export interface InputSeries {
  series: string;
  values: string;
}

export function scrapeFile(program: ScrapedProgram, moment: ScrapeMoment): URL {
  return new URL(`${program}-${moment}.txt`, SCRAPES);
}

export function recordedSeries(): InputSeries[] {
  return SCRAPED_PROGRAMS.flatMap((program) => {
    const [before, after] = SCRAPE_MOMENTS.map((moment) => readFileSync(scrapeFile(program, moment), "utf8"));
    return seriesBetween(before ?? "", after ?? "", scrapeLabelsOf(program));
  });
}

/** As the scrape configuration adds them; the host is the one that the server knows. */
function scrapeLabelsOf(program: ScrapedProgram): string {
  if (program === "control-plane") return 'instance="control-1:8080",job="remotegpu-control-plane"';
  const server = readFileSync(scrapeFile("control-plane", "after"), "utf8");
  const [, host = ""] = /^remotegpu_host_heartbeat_age_seconds\{host="([^"]+)"\}/m.exec(server) ?? [];
  return `instance="10.0.0.11:19444",job="remotegpu-agent",host="${host}"`;
}

/** What the first scrape lacks begins at 0 where it is counted, and has its one value where it is measured. */
export function seriesBetween(before: string, after: string, labels: string): InputSeries[] {
  const first = samplesIn(before);
  const measured = gaugesIn(after);
  return [...samplesIn(after)].map(([name, value]) => {
    const from = first.get(name) ?? (measured.has(name.replace(/\{.*/, "")) ? value : 0);
    const step = (value - from) / STEPS;
    const sign = step < 0 ? "-" : "+";
    return {
      series: withLabels(name, labels),
      values: `${decimal(from)}${sign}${decimal(Math.abs(step))}x${STEPS}`,
    };
  });
}

function decimal(value: number): string {
  return value.toFixed(DECIMALS).replace(/\.?0+$/, "");
}

/** Name and labels, as they are written, with the value. */
function samplesIn(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

function gaugesIn(text: string): Set<string> {
  return new Set([...text.matchAll(/^# TYPE (\S+) gauge$/gm)].map(([, name = ""]) => name));
}

function withLabels(name: string, labels: string): string {
  return name.endsWith("}") ? `${name.slice(0, -1)},${labels}}` : `${name}{${labels}}`;
}
