/** `npm run proof:systemd`: stories that need whole machines. One after another, and not part of the suite. */
import { defineConfig } from "vitest/config";
import { ClosingLine } from "../support/suite/closing-line.ts";

const STORY_MS = 600_000;
/** Machines with all their packages, where others work on the same cores. */
const MACHINES_MS = 1_500_000;

export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["test/systemd/**/*.proof.ts"],
    fileParallelism: false,
    // The tests of a story build on each other.
    bail: 1,
    testTimeout: STORY_MS,
    hookTimeout: MACHINES_MS,
    reporters: ["verbose", new ClosingLine()],
  },
});
