/**
 * Cases of what a customer's own program is charged (test/fixtures/program-billing-vectors.json) through the rules that
 * charge: readiness, stops, the payer's free loading, and rating at one point a minute.
 */
import { readFileSync } from "node:fs";
import { readinessOf } from "@remotegpu/control-plane/server/core/billing/broken-time/run-readiness";
import { freeLoading, loadingTime } from "@remotegpu/control-plane/server/core/billing/free-loading";
import { type Interval, union } from "@remotegpu/control-plane/server/core/billing/proven-time";
import { type PricedLine, rateRun } from "@remotegpu/control-plane/server/core/billing/rating";
import { stopWaiver } from "@remotegpu/control-plane/server/core/billing/stop-waiver";
import { waivedTime } from "@remotegpu/control-plane/server/core/billing/waived-time";
import { INSTANCE_PROBLEMS, STOP_ACTORS } from "@remotegpu/shared/instance/instance";
import { parsePrice, parseQuantity } from "@remotegpu/shared/values/money";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { expect, test } from "vitest";
import { z } from "zod";

const Ms = z.iso.datetime().transform((text) => Date.parse(text));
const Vector = z.strictObject({
  id: z.string(),
  rule: z.string(),
  allowance_minutes: z.int(),
  runs: z.array(
    z.strictObject({
      run: z.string(),
      payer: z.string(),
      kind: z.enum(["environment", "training", "inference"]),
      ordered_at: Ms,
      /** From its container's start to its end. */
      from_at: Ms,
      to_at: Ms,
      /** Of a replica; another is ready at its end's report at the latest, and these are none. */
      served_at: Ms.nullable(),
      end: z.strictObject({
        state: z.enum(["stopped", "failed"]),
        problem: z.enum(INSTANCE_PROBLEMS).nullable(),
      }),
      stop: z
        .strictObject({
          by: z.enum(STOP_ACTORS),
          cause: z.enum(["own", "host"]),
          at: Ms,
          chosen_grace_seconds: z.int().nullable(),
        })
        .nullable(),
    }),
  ),
  expected: z.array(z.strictObject({ run: z.string(), minutes: z.int(), free: z.array(z.string()) })),
});
type Vector = z.infer<typeof Vector>;

const FILE = new URL("../../../../../fixtures/program-billing-vectors.json", import.meta.url);
const { vectors } = z.object({ vectors: z.array(Vector) }).parse(JSON.parse(readFileSync(FILE, "utf8")));

const A_POINT_A_MINUTE: PricedLine = {
  line: "spec",
  quantity: parseQuantity("1"),
  unitPrice: parsePrice("1"),
  billingUnit: "minute",
};
const CALENDAR = { utcOffsetMinutes: 0, closeDelayHours: 24 };
const FOR_GOOD: Interval = { fromMs: 0, toMs: Infinity };

function played({ runs, allowance_minutes: minutes }: Vector) {
  const ended = runs.map(({ run, served_at: servedMs, end, stop, ...one }) => {
    const proven = union([{ fromMs: one.from_at, toMs: one.to_at }]);
    const isReported = servedMs !== null;
    const readiness = readinessOf({
      isReported,
      provenMs: one.to_at - one.from_at,
      isReplaced: false,
      ...end,
    });
    const waiver =
      stop === null
        ? null
        : stopWaiver({ ...stop, orderedMs: stop.at, chosenGraceSeconds: stop.chosen_grace_seconds });
    const broken = readiness === "broken" ? [FOR_GOOD] : [];
    const waived = waivedTime(waiver?.fromMs ?? null, broken);
    const isLoading = one.kind === "inference";
    const loading = isLoading ? loadingTime({ proven, waived, servedMs }) : [];
    const rules = [...(broken.length > 0 ? ["never-ready"] : []), ...(waiver === null ? [] : [waiver.rule])];
    return { id: run, payer: one.payer, orderedMs: one.ordered_at, proven, waived, loading, rules };
  });
  const grants = [...Map.groupBy(ended, ({ payer }) => payer).values()].flatMap((ofPayer) =>
    freeLoading({ runs: ofPayer, granted: [], allowanceMs: minutes * MS_PER_MINUTE }),
  );
  return ended.map(({ id, proven, waived, rules }) => {
    const own = grants.filter(({ runId }) => runId === id);
    const free = union([...waived, ...own]);
    const rated = rateRun({ proven, waived: free, lines: [A_POINT_A_MINUTE] }, CALENDAR);
    return { run: id, minutes: rated.minutes, free: [...(own.length > 0 ? ["loading"] : []), ...rules] };
  });
}

test.each(vectors.map((vector) => [vector.id, vector] as const))("%s", (_id, vector) => {
  expect(played(vector)).toEqual(vector.expected);
});
