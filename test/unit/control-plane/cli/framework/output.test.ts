import type { Environment, Offers } from "@remotegpu/control-plane/client/generated/api.schemas";
import { answer } from "../../../../support/http/answer.ts";
import { GIB, KIB, MIB } from "@remotegpu/shared/values/units";
import { expect, test } from "vitest";
import { printOffers } from "@remotegpu/control-plane/cli/money/offer-commands";
import { printOne, sizeText } from "@remotegpu/control-plane/cli/framework/output";
import { environmentSentence } from "@remotegpu/control-plane/cli/work/environments/environment-state";
import { deadline } from "@remotegpu/control-plane/cli/framework/arguments";
import { statusText } from "@remotegpu/control-plane/cli/work/environments/restarts-text";

test.each([
  [0, "0 bytes"],
  [1_023, "1023 bytes"],
  [KIB, "1 KiB"],
  [512 * MIB, "512 MiB"],
  [1.5 * GIB, "1.5 GiB"],
  [200 * GIB, "200 GiB"],
  [2_048 * GIB, "2 TiB"],
  [null, ""],
])("%j bytes are %j", (bytes, expected) => {
  expect(sizeText(bytes)).toBe(expected);
});

test("people read sizes in units, scripts the number", () => {
  const row = { memory_quota: 65_536, storage_quota: 200 * GIB, cpu_quota: 16 };
  const printed: string[] = [];
  const write = (text: string) => void printed.push(text);

  printOne({ format: "table", width: null, nowMs: 0, write }, row);
  printOne({ format: "json", width: null, nowMs: 0, write }, row);

  expect(printed[0]).toBe("memory_quota   64 GiB\nstorage_quota  200 GiB\ncpu_quota      16\n");
  expect(JSON.parse(printed[1] ?? "")).toEqual(row);
});

test("offers of a large fleet fit a terminal of 80 characters, and mark what is simulated", () => {
  const printed: string[] = [];
  const write = (text: string) => void printed.push(text);
  const price = { spec: "default", of: "gpu", price_per_hour: "3.5000", includes: null };
  const card = { gpu_memory: 80 * GIB, total: 1_024, free: 128, most_on_one_host: 8, cpu: 128 };
  const offers = answer<Offers>({
    as_of: "2026-03-01T08:00:00Z",
    waiting_orders: 1,
    waiting_gpus: 8,
    items: [
      {
        ...card,
        gpu_model: "NVIDIA A100-SXM4-80GB",
        simulated: true,
        memory: 1.5 * 1_024 * GIB,
        prices: [price, { ...price, spec: "standard", of: "spec" }],
      },
      {
        ...card,
        gpu_model: null,
        gpu_memory: null,
        free: null,
        most_on_one_host: null,
        memory: 0,
        prices: [{ ...price, of: "cpu" }],
      },
    ],
  });

  printOffers({ format: "table", width: 80, nowMs: 0, write }, offers);
  printOffers({ format: "table", width: null, nowMs: 0, write }, offers);

  const [narrow = "", waits, wide = ""] = printed;
  for (const line of narrow.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(waits).toBe("1 order waits for a place and 8 GPUs.\n");
  expect(wide).toMatch(
    /^NVIDIA A100-SXM4-80GB \(simulated\) +80 GiB +128 of 1024 +8 +128 +1\.5 TiB +3\.5000 default, 3\.5000 standard$/m,
  );
  expect(wide).toMatch(/^none +- +- +- +128 +- +3\.5000\/CPU default$/m);
});

test.each([
  ["dying again and again", { looping_since: "2026-03-01T08:00:00Z" }, "ready", "restarting (3x, exit 4)"],
  ["just being started again", {}, "starting", "restarting (3x, exit 4)"],
  ["killed for memory", { out_of_memory: true }, "starting", "restarting (3x, out of memory)"],
  ["removed by somebody", { exit_code: null }, "starting", "restarting (3x, its container was gone)"],
  ["up again", {}, "ready", "running"],
])("an environment whose container is %s shows as such: %j, %s", (_is, how, state, expected) => {
  const restarts = { count: 3, exit_code: 4, out_of_memory: false, looping_since: null, ...how };
  const row = answer<Environment>({
    id: "env-1",
    name: "mine",
    status: "running",
    restarts,
    instances: [{ state }],
  });

  expect(statusText(row)).toBe(expected);
  expect(environmentSentence(row)).toBe(`Environment env-1 (mine) is ${expected}.`);
  expect(statusText({ ...row, status: "stopped" })).toBe("stopped");
  expect(statusText({ ...row, restarts: null })).toBe("running");
});

test.each([
  ["2h", { deadline_seconds: 7_200 }],
  ["30m", { deadline_seconds: 1_800 }],
  ["1d", { deadline_seconds: 86_400 }],
  ["2026-03-01T18:00Z", { deadline: "2026-03-01T18:00:00.000Z" }],
  ["2026-03-01T18:00:30+01:00", { deadline: "2026-03-01T17:00:30.000Z" }],
])("the deadline %s is %j", (text, expected) => {
  expect(deadline().parse(text)).toEqual(expected);
});

test.each(["", "2", "tomorrow", "2026-03-01", "2026-13-01T18:00Z", "-2h"])("%j is no deadline", (text) => {
  expect(deadline().safeParse(text).success).toBe(false);
});
