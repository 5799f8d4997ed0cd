/** Runs another program in our place, one of OpenSSH's or curl: its terminal, its signals and its exit code are the caller's. */
import { constants } from "node:os";
import { BytesOut, isFiltered } from "../terminal/outputs.ts";
import { CliError } from "../framework/cli-error.ts";

/** As shells tell a program that a signal ended. */
const SIGNALLED = 128;

/**
 * Resolves when it has ended, its exit code being ours.
 * @param filters it prints what others wrote, of which a terminal gets what does no harm
 * @throws CliError where it is not installed
 */
export async function runInPlace(
  program: string,
  args: readonly string[],
  { filters = false, isRaw = false }: { filters?: boolean; isRaw?: boolean } = {},
): Promise<void> {
  // What it prints to a terminal comes by us then, and by nobody where it is printed to a file.
  const [stdout, stderr] = (["stdout", "stderr"] as const).map((to) =>
    filters && isFiltered(to, { isRaw }) ? new BytesOut(to, { isRaw }) : null,
  );
  const { spawn } = await import("node:child_process");
  // Ctrl-C reaches it by itself, as part of the terminal's foreground; we only outlive it.
  const outlive = () => undefined;
  process.on("SIGINT", outlive);
  try {
    process.exitCode = await new Promise<number>((resolve, reject) => {
      const child = spawn(program, args, {
        stdio: ["inherit", stdout ? "pipe" : "inherit", stderr ? "pipe" : "inherit"],
      });
      const pass = (signal: NodeJS.Signals) => child.kill(signal);
      for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, pass);
      for (const [from, to] of [
        [child.stdout, stdout],
        [child.stderr, stderr],
      ] as const)
        if (from && to) void printed(from, to).catch(reject);
      child.once("error", reject);
      // Its outputs have been read to their ends by then.
      child.once("close", (code, signal) => {
        for (const name of ["SIGTERM", "SIGHUP"] as const) process.off(name, pass);
        resolve(code ?? SIGNALLED + (signal === null ? 0 : constants.signals[signal]));
      });
    });
  } catch (cause) {
    throw new CliError(
      "usage",
      `${program} cannot be run here; it comes with OpenSSH's client or by its own name.`,
      {
        cause,
      },
    );
  } finally {
    process.off("SIGINT", outlive);
  }
}

async function printed(from: AsyncIterable<Buffer>, to: BytesOut): Promise<void> {
  for await (const bytes of from) await to.write(bytes);
  to.end();
}
