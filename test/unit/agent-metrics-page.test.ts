/** The page of the agent's metrics has the table that the agent is made from. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT_FAMILIES } from "@remotegpu/agent/core/metrics/families";
import { expect, test } from "vitest";
import { metricRow, metricRowsIn } from "../support/pages/metric-page.ts";

const PAGE = "control-plane/docs/operators/agent-metrics.md";

test("the page of the agent's metrics lists each family, in order, as the agent has it", () => {
  const page = readFileSync(join(import.meta.dirname, "../..", PAGE), "utf8");

  expect(metricRowsIn(page)).toEqual(AGENT_FAMILIES.map(metricRow));
});
