/** `npm run proof:rdp`: a desktop by RDP as its person has it. Not part of the suite. */
import { defineConfig } from "vitest/config";
import { ClosingLine } from "../support/suite/closing-line.ts";

const STORY_MS = 900_000;

export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["test/desktop/**/*.proof.ts"],
    // The tests of a story build on each other.
    bail: 1,
    testTimeout: STORY_MS,
    hookTimeout: STORY_MS,
    reporters: ["verbose", new ClosingLine()],
  },
});
