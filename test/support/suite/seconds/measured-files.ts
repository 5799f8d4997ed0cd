/** Keeps, at the end of a run, the seconds of each file that passed, for the order of the next one. */
import type { Reporter, TestModule, Vitest } from "vitest/node";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { MEASURED, nameOf, readSeconds, writeSeconds } from "./file-seconds.ts";
import { wholeMs } from "./time-table.ts";

export class MeasuredFiles implements Reporter {
  #isWhole = true;

  /** A run of chosen tests tells nothing about their files. */
  onInit({ config }: Vitest): void {
    this.#isWhole = config.testNamePattern === undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    if (!this.#isWhole) return;
    const own = modules.filter((module) => module.project.name !== "unit" && module.state() === "passed");
    if (own.length === 0) return;
    const measured = own.map((module): [string, number] => [
      nameOf(module.moduleId),
      wholeMs(module) / MS_PER_SECOND,
    ]);
    writeSeconds(MEASURED, { ...readSeconds(MEASURED), ...Object.fromEntries(measured) });
  }
}
