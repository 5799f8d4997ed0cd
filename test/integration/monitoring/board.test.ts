/** The board's queries, evaluated by Prometheus' own code over recorded scrapes of a server and an agent. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { ABSENT_DATA } from "../../board/absent-data.ts";
import { ROWS } from "../../board/board.ts";
import { ownedName } from "../../support/containers/owned-name.ts";
import { hasPromtool } from "../../support/monitoring/installed.ts";
import { recordedSeries } from "../../support/monitoring/recorded-scrapes.ts";

/** Where the lines of the recorded series end. */
const EVALUATED_AT = "5m";
const PRESENT = [{ labels: "{}", value: 1 }];

/** As Grafana fills them in for everything. */
function withoutVariables(expr: string): string {
  return expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$(?:host|model|gpu)\b/g, ".*");
}

/** 1 where the query has values that are numbers, and nothing where it has none. */
function presenceOf(expr: string): string {
  return `count((${expr}) == (${expr})) > bool 0`;
}

const queries = ROWS.flatMap(({ panels }) =>
  panels.flatMap(({ title, queries: ofPanel }) =>
    ofPanel.map(({ expr, legend }) => ({
      name: `${title}: ${legend}`,
      expr: presenceOf(withoutVariables(expr)),
    })),
  ),
);

async function evaluate(expectations: readonly { expr: string; isPresent: boolean }[]) {
  const folder = mkdtempSync(join(tmpdir(), `${ownedName("run")}board-`));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const tests = {
    interval: "15s",
    input_series: recordedSeries(),
    promql_expr_test: expectations.map(({ expr, isPresent }) => ({
      expr,
      eval_time: EVALUATED_AT,
      exp_samples: isPresent ? PRESENT : [],
    })),
  };
  // All JSON is YAML.
  writeFileSync(join(folder, "board.yml"), JSON.stringify({ evaluation_interval: "15s", tests: [tests] }));
  return execa("promtool", ["test", "rules", "board.yml"], { cwd: folder, reject: false, all: true });
}

describe.skipIf(!hasPromtool)("promtool (left out where it is not installed)", () => {
  test("finds data for every query of the board, but for those that are listed as absent", async () => {
    const expectations = queries.map(({ name, expr }) => ({ expr, isPresent: !ABSENT_DATA.has(name) }));

    const { exitCode, all } = await evaluate(expectations);

    expect({ exitCode, all }).toEqual({ exitCode: 0, all: expect.not.stringContaining("FAILED") });
  });

  test("finds no data for a query whose label has another value", async () => {
    const { exitCode, all } = await evaluate([
      { expr: presenceOf('remotegpu_hosts{connection="online"}'), isPresent: true },
    ]);

    expect({ exitCode, all }).toEqual({ exitCode: 1, all: expect.stringContaining("FAILED") });
  });
});
