/** The suite. Unit tests first and in parallel; what needs real parts runs one file at a time. */
import { defineConfig } from "vitest/config";
import { ClosingLine } from "./support/closing-line.ts";
import { SizeTable } from "./support/size-table.ts";

const postgresServer = new URL("support/postgres-server.ts", import.meta.url).pathname;

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ["default", new SizeTable(), new ClosingLine()],
    projects: [
      { extends: true, test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          fileParallelism: false,
          globalSetup: [postgresServer],
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/system/**/*.test.ts"],
          fileParallelism: false,
          globalSetup: [postgresServer],
        },
      },
    ],
  },
});
