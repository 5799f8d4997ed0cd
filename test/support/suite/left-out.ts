/** What a run of one tier left to the other, by folder, so that nobody takes `npm test` for the whole suite. */
import { globSync } from "node:fs";
import { dirname } from "node:path";
import type { Reporter } from "vitest/node";
import { globsOf, PROJECTS, type Tier } from "./tiers.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;

export class LeftOut implements Reporter {
  readonly #tier: Tier | undefined;

  constructor(tier: Tier | undefined) {
    this.#tier = tier;
  }

  onTestRunEnd(): void {
    if (this.#tier === "test") process.stdout.write(`\n${leftOutOf()}\n`);
  }
}

export function leftOutOf(): string {
  const files = PROJECTS.flatMap((project) => globSync(globsOf(project, "rest"), { cwd: ROOT }));
  const byFolder = Map.groupBy(files, (file) => dirname(file).split("/").slice(1, 3).join("/"));
  const folders = [...byFolder].map(([folder, { length }]) => `${folder} ${length}`);
  return `left to npm run test:rest: ${files.length} files (${folders.join(", ")})`;
}
