/**
 * The last lines of a run: which tests passed at their second try only, so that none of them is unsteady in silence; and,
 * for tools that read only the last one, how many passed, failed, and were left out.
 */
import type { Reporter, TestCase, TestModule } from "vitest/node";

const MAX_MESSAGE_LENGTH = 500;

/** Where it is, and what was wrong at first. */
function firstTryOf(test: TestCase): string {
  const [error] = test.result().errors ?? [];
  const output = error === undefined ? "" : `: ${error.message.slice(0, MAX_MESSAGE_LENGTH)}`;
  return `${test.module.relativeModuleId} > ${test.fullName}${output}`;
}

export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const unsteady: string[] = [];
    for (const module of modules)
      for (const test of module.children.allTests()) {
        counts[test.result().state] += 1;
        if (test.diagnostic()?.flaky === true) unsteady.push(firstTryOf(test));
      }
    if (unsteady.length > 0)
      process.stdout.write(
        `\nPassed at the second try only, which is a fault of the test or of what it tries:\n${unsteady.map((name) => `  ${name}\n`).join("")}`,
      );
    const { passed, failed, skipped } = counts;
    process.stdout.write(
      `\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`,
    );
  }
}
