/** `remotegpu ssh-config`: entries by which ssh itself, and whatever stands on it, knows environments by their names. */
import { command, flag } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { printDone } from "../framework/output.ts";
import { configFile, keepHostKeys, knownHostsFile, writeConfig } from "./client-files.ts";
import { type Ours, sshConfigText } from "./client-options.ts";
import { proxyCommand } from "./proxy-command.ts";
import { type SshTarget, sshTargets } from "./ssh-target.ts";

export const SSH_CONFIG = command({
  name: "ssh-config",
  summary: "entries for ~/.ssh/config, so that ssh, VS Code and others know environments by their names",
  takes: { write: flag("--write", "keep them in ~/.ssh/remotegpu_config and have ~/.ssh/config include it") },
  examples: ["ssh-config --write"],
  more: "Only what can be entered now has an entry; ask again after a start.",
  run: async (context, { write }) => {
    if (!write) {
      const targets = await sshTargets(context);
      keepHostKeys(targets);
      return context.output.write(sshConfigText(targets, oursOf(context)));
    }
    const { targets, isNew } = await writeEntries(context);
    const included = isNew ? " ~/.ssh/config includes it from now on." : "";
    printDone(context.output, `${configFile()} has ${targets.length} entries.${included}`, {
      file: configFile(),
      names: targets.map(({ name }) => name),
    });
  },
});

/** The entries of all that can be entered now. `isNew`: ~/.ssh/config got a line for the file. */
export async function writeEntries(context: Context): Promise<{ targets: SshTarget[]; isNew: boolean }> {
  const targets = await sshTargets(context);
  keepHostKeys(targets);
  return { targets, isNew: writeConfig(sshConfigText(targets, oursOf(context))) };
}

export function oursOf(context: Context): Ours {
  return { knownHostsFile: knownHostsFile(), proxyOf: ({ id }) => proxyCommand(context, id) };
}
