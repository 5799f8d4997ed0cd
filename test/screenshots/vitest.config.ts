/** `npm run screenshots`: the pictures of the dashboard that the documentation shows. Not part of the suite. */
import { defineConfig } from "vitest/config";
import { ClosingLine } from "../support/suite/closing-line.ts";

const PATIENCE_MS = 600_000;
const postgresServer = new URL("../support/engines/postgres-servers/postgres-server.ts", import.meta.url)
  .pathname;
const chromiumServer = new URL("../support/engines/chromium/chromium-server.ts", import.meta.url).pathname;
const operatorKeys = new URL("../support/engines/operator-keys.ts", import.meta.url).pathname;

export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["test/screenshots/take-screenshots.ts"],
    testTimeout: PATIENCE_MS,
    hookTimeout: PATIENCE_MS,
    // As the suite runs.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    globalSetup: [postgresServer, operatorKeys, chromiumServer],
    reporters: ["verbose", new ClosingLine()],
  },
});
