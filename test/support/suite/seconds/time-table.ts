/**
 * Where the time of a run went, for whoever wants it shorter: each project's, and the files that took longest. What a
 * file imports counts with it; nothing fails by it.
 */
import type { Reporter, TestModule } from "vitest/node";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";

/** Below that, the reporter's own lines are read as fast. */
const FROM_FILES = 10;
const SLOWEST = 15;

interface Span {
  begin: number;
  end: number;
}

export class TimeTable implements Reporter {
  /** By project, from its first file's beginning to its last one's end. */
  readonly #spans = new Map<string, Span>();

  onTestModuleStart({ project: { name } }: TestModule): void {
    const now = performance.now();
    if (!this.#spans.has(name)) this.#spans.set(name, { begin: now, end: now });
  }

  onTestModuleEnd({ project: { name } }: TestModule): void {
    const span = this.#spans.get(name);
    if (span !== undefined) span.end = performance.now();
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    if (modules.length < FROM_FILES) return;
    const projects = [...this.#spans].map(([name, { begin, end }]) => {
      const own = modules.filter(({ project }) => project.name === name);
      const [tests, imports] = [own.reduce(adding(testsMs), 0), own.reduce(adding(importMs), 0)];
      return `${seconds(end - begin)}  ${name}: ${own.length} files, of which tests ${seconds(tests)} and imports ${seconds(imports)}, side by side`;
    });
    const slowest = modules.toSorted((a, b) => wholeMs(b) - wholeMs(a)).slice(0, SLOWEST);
    const files = slowest.map((module) => `${seconds(wholeMs(module))}  ${module.relativeModuleId}`);
    process.stdout.write(`\nwhat took longest\n${[...projects, ...files].join("\n")}\n`);
  }
}

const testsMs = (module: TestModule) => module.diagnostic().duration;

function importMs(module: TestModule): number {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration } = module.diagnostic();
  return environmentSetupDuration + prepareDuration + collectDuration + setupDuration;
}

export const wholeMs = (module: TestModule) => testsMs(module) + importMs(module);
const adding = (of: (module: TestModule) => number) => (sum: number, module: TestModule) => sum + of(module);
const seconds = (ms: number) => `${(ms / MS_PER_SECOND).toFixed(1)} s`.padStart(9);
