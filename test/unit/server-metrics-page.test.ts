/** The page of the control plane's metrics has the table that /metrics is made from. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CONTROL_PLANE_FAMILIES } from "@remotegpu/control-plane/server/core/metrics/families";
import { expect, test } from "vitest";
import { metricRow, metricRowsIn } from "../support/pages/metric-page.ts";

const PAGE = "control-plane/docs/operators/metrics.md";

test("the page of the control plane's metrics lists each family, in order, as the server has it", () => {
  const page = readFileSync(join(import.meta.dirname, "../..", PAGE), "utf8");

  expect(metricRowsIn(page)).toEqual(CONTROL_PLANE_FAMILIES.map(metricRow));
});
