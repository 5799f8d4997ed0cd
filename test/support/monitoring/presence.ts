/** Whether queries have data in the recorded scrapes, evaluated by Prometheus' own code in promtool. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { ownedName } from "../containers/owned-name.ts";
import { recordedSeries } from "./recorded-scrapes.ts";

/** Where the lines of the recorded series end. */
const EVALUATED_AT = "5m";
const PRESENT = [{ labels: "{}", value: 1 }];

export interface ExpectedPresence {
  expr: string;
  isPresent: boolean;
}

/** 1 where the query has values that are numbers, and nothing where it has none. */
function presenceOf(expr: string): string {
  return `count((${expr}) == (${expr})) > bool 0`;
}

/** @returns what promtool printed; each query that is not as expected stands in it */
export async function checkPresence(
  expected: readonly ExpectedPresence[],
): Promise<{ exitCode: number | undefined; printed: string }> {
  const folder = mkdtempSync(join(tmpdir(), `${ownedName("run")}presence-`));
  try {
    const tests = {
      interval: "15s",
      input_series: recordedSeries(),
      promql_expr_test: expected.map(({ expr, isPresent }) => ({
        expr: presenceOf(expr),
        eval_time: EVALUATED_AT,
        exp_samples: isPresent ? PRESENT : [],
      })),
    };
    // All JSON is YAML.
    writeFileSync(
      join(folder, "presence.yml"),
      JSON.stringify({ evaluation_interval: "15s", tests: [tests] }),
    );
    const run = await execa("promtool", ["test", "rules", "presence.yml"], {
      cwd: folder,
      reject: false,
      all: true,
    });
    return { exitCode: run.exitCode, printed: run.all };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
