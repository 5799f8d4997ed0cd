/**
 * A release's own tests of what it does with a database, run by its own suite on a schema that other migrations make: what
 * they find missing a replica of that release misses, too, while it runs beside the newer one.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { ownedName } from "../containers/owned-name.ts";
import type { BuiltRelease } from "./previous-release.ts";

const LIBRARIES = "node_modules";
const STORE = ".pnpm";
const MIGRATIONS = "control-plane/migrations";

const Report = z.looseObject({
  testResults: z.array(
    z.looseObject({
      name: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.looseObject({
          fullName: z.string(),
          status: z.enum(["passed", "failed", "skipped", "pending", "todo", "disabled"]),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

export interface StoreTestResult {
  passed: number;
  /** The title of each test that failed, and its first error; those of a file that failed as a whole, its name. */
  failures: { test: string; error: string }[];
}

/** A release's checkout with the migrations of another one in place of its own; removed when it is disposed of. */
export class MigratedCheckout implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param migrations the whole folder, with the checksums and the snapshot of its schema */
  static async of({ sources }: BuiltRelease, migrations: string): Promise<MigratedCheckout> {
    const folder = await mkdtemp(join(tmpdir(), ownedName("run")));
    await copyWithout(sources, "node_modules", folder);
    // Links between packages lead to the copy; libraries are those of the release.
    await mkdir(join(folder, LIBRARIES));
    await copyWithout(join(sources, LIBRARIES), STORE, join(folder, LIBRARIES));
    await symlink(join(sources, LIBRARIES, STORE), join(folder, LIBRARIES, STORE));
    await rm(join(folder, MIGRATIONS), { recursive: true });
    await cp(migrations, join(folder, MIGRATIONS), { recursive: true });
    return new MigratedCheckout(folder);
  }

  get migrations(): string {
    return join(this.folder, MIGRATIONS);
  }

  /**
   * Runs files of the release's suite that need only a database.
   * @param files by their names below test/, or folders; none means all
   * @throws Error when the suite itself does not run
   */
  async test(files: readonly string[], { withinMs }: { withinMs: number }): Promise<StoreTestResult> {
    const report = join(this.folder, "report.json");
    const vitest = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/vitest.config.ts"];
    const selection = ["--project", "database", "--retry=0", ...files.map((file) => `test/${file}`)];
    const output = ["--reporter=json", `--outputFile=${report}`];
    const ended = await execa(process.execPath, [...vitest, ...selection, ...output], {
      cwd: this.folder,
      env: { TEST_TIER: "all" },
      timeout: withinMs,
      stdin: "ignore",
      reject: false,
      all: true,
    });
    const text = await readFile(report, "utf8").catch(() => {
      throw new Error(`the suite of the release did not run: ${ended.all.slice(-2_000)}`);
    });
    return resultOf(Report.parse(JSON.parse(text)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** All but one entry of a folder: ten times as fast as Node's own copy. */
async function copyWithout(from: string, left: string, into: string): Promise<void> {
  const names = (await readdir(from)).filter((name) => name !== left);
  await execa("cp", ["--archive", "--reflink=auto", "--target-directory", into, ...names], { cwd: from });
}

function resultOf({ testResults }: z.infer<typeof Report>): StoreTestResult {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.filter(({ status }) => status === "failed");
  const brokenFiles = testResults.filter(({ message }) => message !== "");
  return {
    passed: tests.filter(({ status }) => status === "passed").length,
    failures: [
      ...failed.map((test) => ({ test: test.fullName, error: firstLine(test.failureMessages?.[0] ?? "") })),
      ...brokenFiles.map(({ name, message }) => ({ test: name, error: firstLine(message) })),
    ],
  };
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
