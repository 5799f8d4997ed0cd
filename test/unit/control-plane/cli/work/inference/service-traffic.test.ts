/** `service traffic`: what stands on its lines. */
import { expect, test } from "vitest";
import {
  printTraffic,
  SERVICE_TRAFFIC,
  type ServiceTraffic,
} from "@remotegpu/control-plane/cli/work/inference/service-traffic";
import { countAnswer, noCounts } from "@remotegpu/control-plane/server/core/inference/traffic/traffic-counts";
import { trafficFigures } from "@remotegpu/control-plane/server/core/inference/traffic/traffic-figures";

function figures(
  reported: { status?: number; tokens?: { prompt: number; completion: number } | "silent" }[],
) {
  const counts = noCounts();
  for (const { status = 200, tokens = null } of reported)
    countAnswer(counts, {
      status,
      isWhole: true,
      bytes: 100,
      tookMs: 1_000,
      firstByteMs: 5,
      queuedMs: 0,
      tokens,
    });
  return trafficFigures(counts);
}

const TOKENS = { prompt: 10, completion: 40 };

function traffic(change: Partial<ServiceTraffic> = {}): ServiceTraffic {
  return {
    in_flight: 2,
    held: 1,
    own_answers: 1,
    total: figures([{ tokens: TOKENS }, { tokens: "silent" }, { status: 503 }]),
    keys: [],
    revisions: [],
    cost: {
      amount: "3.3000",
      until: "2027-01-01T01:00:00.000Z",
      per_thousand_requests: "5.000000",
      per_million_tokens: null,
    },
    items: [],
    ...change,
  };
}

function linesOf(
  reported: ServiceTraffic,
  by: "minutes" | "keys" = "minutes",
  key: string | null = null,
): string[] {
  let text = "";
  const output = {
    format: "table" as const,
    width: null,
    nowMs: 0,
    write: (more: string) => void (text += more),
  };
  printTraffic(output, reported, { by, key });
  return text.trimEnd().split("\n");
}

test("reports what was answered, how fast, its tokens and its cost", () => {
  expect(linesOf(traffic())).toEqual([
    "3 requests: 0 of 400 to 499, 1 of 500 and above, 0 that nobody waited for; 1 answered by the gateway itself.",
    "Half within 750 ms, 99 of 100 within 995 ms; first byte 3.5 ms and 5 ms.",
    "2 in flight, 1 waiting now.",
    "Tokens: 10 prompt, 40 completion (40 a second); not reported by 1 answers.",
    "Charged until 2027-01-01T01:00:00.000Z: 3.3000, 5.000000 per 1,000 requests.",
  ]);
});

test("reports a key's cost as its share", () => {
  expect(linesOf(traffic(), "minutes", "app").at(-1)).toBe(
    "Charged until 2027-01-01T01:00:00.000Z, the share of app by its requests: 3.3000, 5.000000 per 1,000 requests.",
  );
});

test("states in its help what a gateway that is killed takes with it", () => {
  expect(SERVICE_TRAFFIC.more).toContain("killed, at most the last five");
});

test("never reports tokens that no answer reported, nor a cost that was not charged", () => {
  const cost = { amount: "0", until: null, per_thousand_requests: null, per_million_tokens: null };
  expect(linesOf(traffic({ total: figures([{ tokens: "silent" }]), cost })).slice(-2)).toEqual([
    "Tokens: not reported by 1 answers.",
    "Nothing of it was charged yet.",
  ]);
  expect(linesOf(traffic({ total: figures([{}]), cost })).join("\n")).not.toContain("Tokens");
});

test("has a line for each key, or each minute", () => {
  const keys = [
    { key_name: "", ...figures([{ status: 401 }]) },
    { key_name: "app", ...figures([{ tokens: TOKENS }]) },
  ];
  expect(linesOf(traffic({ keys }), "keys").slice(-2)).toEqual([
    expect.stringMatching(/^\(none\) +1 +1 +0 +750 ms/),
    expect.stringMatching(/^app +1 +0 +0 +750 ms .* 10 +40$/),
  ]);
});
