/** Runs a program of this machine for a support bundle: without a shell, with a bound in time and in bytes. */
import type { RunProgram } from "@remotegpu/shared/support-bundle/program-collectors";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { execa } from "execa";

/** As RunProgram says. What even SIGKILL does not end is left behind. */
export const runProgram: RunProgram = async (program, args, { withinMs, maxBytes }) => {
  const ended = await execa(program, args, {
    reject: false,
    cleanup: false,
    stdin: "ignore",
    timeout: withinMs,
    forceKillAfterDelay: MS_PER_SECOND,
    maxBuffer: maxBytes,
    env: { LC_ALL: "C", TZ: "UTC" },
  });
  const { failed, isMaxBuffer, timedOut, exitCode, stdout, stderr, cause } = ended;
  // The bound may have cut a secret in two, whose half nobody would know.
  if (isMaxBuffer) return stdout.slice(0, stdout.lastIndexOf("\n") + 1);
  if (!failed) return `${stdout}\n`;
  if (timedOut) throw new Error(`${program} was not over within ${withinMs / MS_PER_SECOND} s`);
  if (exitCode === undefined) throw new Error(`${program} cannot be run`, { cause });
  throw new Error(`${program} ended with ${exitCode}: ${stderr.trim()}`);
};
