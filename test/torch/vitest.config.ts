/** `npm run proof:torch`: PyTorch's own launcher over two hosts. Not part of the suite. */
import { defineConfig } from "vitest/config";
import { ClosingLine } from "../support/suite/closing-line.ts";

const STORY_MS = 900_000;

export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["test/torch/**/*.proof.ts"],
    testTimeout: STORY_MS,
    hookTimeout: STORY_MS,
    reporters: ["verbose", new ClosingLine()],
  },
});
