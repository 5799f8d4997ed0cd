/** `remotegpu env ssh-password`: a generated password for who has no key at hand. It is printed once. */
import { command, flag } from "../framework/command.ts";
import { segment } from "../framework/list-command.ts";
import { printDone } from "../framework/output.ts";
import { anEnvironment } from "./environment-state.ts";

export const SSH_PASSWORD = command({
  name: "ssh-password",
  summary: "make a password for SSH in place of any before, or take it away",
  takes: { ...anEnvironment(), remove: flag("--remove", "no password opens it any more") },
  run: async ({ api, output }, { environment, remove }) => {
    const path = `/environments/${segment(environment)}/ssh-password`;
    if (remove) {
      await api.delete(path);
      return printDone(output, `No password opens environment ${environment} any more.`, { id: environment });
    }
    const made = await api.post(path);
    printDone(output, `Password for ${String(made.user)} (shown this once): ${String(made.password)}`, made);
  },
});
