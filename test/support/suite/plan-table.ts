/** What Postgres planned for each file's tests, at the end of a run with TEST_PLANS=1; nothing fails by it. */
import { relative } from "node:path";
import type { Reporter, TestModule } from "vitest/node";
import {
  dearestStatements,
  type PlanCount,
  takePlanCounts,
} from "../engines/postgres-servers/plan-counts.ts";

export class PlanTable implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    const counts = takePlanCounts();
    const lines = modules
      .map((module) => ({ module, own: counts.filter(({ file }) => file === module.moduleId) }))
      .filter(({ own }) => own.length > 0)
      .map(({ module, own }) => lineOf(module, own));
    const [first] = modules;
    if (lines.length === 0 || first === undefined) return;
    const dearest = await dearestStatements(first.project.getProvidedContext().postgresUrl);
    const dear = dearest.map(
      ({ text, planned, planningMs }) => `${figure(planningMs)} ${figure(planned)}  ${text}`,
    );
    process.stdout.write(
      `\nwhat Postgres planned (per test: statements, planned anew, ms of planning, ms of execution; databases of the file)\n${lines.join("\n")}\n` +
        `\nwhat took the longest to plan (ms, plans)\n${dear.join("\n")}\n`,
    );
  }
}

function lineOf(module: TestModule, own: readonly PlanCount[]): string {
  const tests = [...module.children.allTests()].length;
  const perTest = (of: (count: PlanCount) => number) => own.reduce((sum, one) => sum + of(one), 0) / tests;
  const figures = [
    perTest(({ statements }) => statements),
    perTest(({ planned }) => planned),
    perTest(({ planningMs }) => planningMs),
    perTest(({ executionMs }) => executionMs),
  ];
  return `${figures.map(figure).join(" ")} ${String(own.length).padStart(4)}  ${relative("", module.moduleId)}`;
}

const figure = (value: number) => value.toFixed(0).padStart(7);
