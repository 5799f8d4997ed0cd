/** Runs another program in our place, one of OpenSSH's or curl: its terminal, its signals and its exit code are the caller's. */
import { constants } from "node:os";
import { CliError } from "./cli-error.ts";

/** As shells tell a program that a signal ended. */
const SIGNALLED = 128;

/** Resolves when it has ended, its exit code being ours. @throws CliError where it is not installed */
export async function runInPlace(program: string, args: readonly string[]): Promise<void> {
  const { spawn } = await import("node:child_process");
  // Ctrl-C reaches it by itself, as part of the terminal's foreground; we only outlive it.
  const outlive = () => undefined;
  process.on("SIGINT", outlive);
  try {
    process.exitCode = await new Promise<number>((resolve, reject) => {
      const child = spawn(program, args, { stdio: "inherit" });
      const pass = (signal: NodeJS.Signals) => child.kill(signal);
      for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, pass);
      child.once("error", reject);
      child.once("exit", (code, signal) => {
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
