/** Runs a program of this host for a support bundle: without a shell, with a bound in time and in bytes. */
import type { RunProgram } from "@remotegpu/shared/support-bundle/program-collectors";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { HostCommand } from "../../host/host-command.ts";

const ENVIRONMENT = { LC_ALL: "C", TZ: "UTC" };

/** As RunProgram says. What even SIGKILL does not end, as in a driver that hangs, is left behind. */
export const runProgram: RunProgram = async (program, args, { withinMs, maxBytes }) => {
  const command = new HostCommand({ path: program, maxOutputBytes: maxBytes, environment: ENVIRONMENT });
  const outcome = await command.run(args, { deadlineMs: withinMs });
  switch (outcome.kind) {
    case "hung":
      throw new Error(`${program} was not over within ${withinMs / MS_PER_SECOND} s`);
    case "missing":
      throw new Error(`${program} cannot be run`, { cause: outcome.cause });
    case "too-much-output":
      // The bound may have cut a secret in two, whose half nobody would know.
      return outcome.stdout.slice(0, outcome.stdout.lastIndexOf("\n") + 1);
    case "ended":
      if (outcome.exitCode === 0) return `${outcome.stdout}\n`;
      throw new Error(`${program} ended with ${outcome.exitCode}: ${outcome.stderr.trim()}`);
  }
};
