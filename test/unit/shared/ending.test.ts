/** A process told to end does so in order, whatever it runs at that moment. */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, test } from "vitest";

const PROGRAM = `
  import { execa } from "execa";
  import { ending } from ${JSON.stringify(import.meta.resolve("../../../shared/src/ending.ts"))};
  const asked = ending({ exitWithStdin: process.argv.includes("--with-stdin") });
  const running = execa("sleep", ["600"], { reject: false });
  process.stdout.write("ready\\n");
  await asked;
  running.kill();
  await running;
  process.stdout.write("in order\\n");
`;

function started(...args: string[]) {
  return execa(process.execPath, ["--input-type=module", "--eval", PROGRAM, "--", ...args], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    stdin: "pipe",
    reject: false,
  });
}

async function reportsReady({ stdout }: ReturnType<typeof started>): Promise<void> {
  await once(stdout, "data");
}

test.each(["SIGTERM", "SIGINT"] as const)(
  "on %s, once and again, while a program of its own runs",
  async (signal) => {
    const child = started();
    await reportsReady(child);

    child.kill(signal);
    child.kill(signal);

    const ended = await child;
    expect(ended.stdout).toBe("ready\nin order");
    // The second may come when all is in order already and nobody listens any more.
    expect([0, undefined]).toContain(ended.exitCode);
    expect([undefined, signal]).toContain(ended.signal);
  },
);

test("when its standard input closes, if that was requested", async () => {
  const child = started("--with-stdin");
  await reportsReady(child);

  child.stdin.end();

  expect(await child).toMatchObject({ exitCode: 0, stdout: "ready\nin order" });
});
