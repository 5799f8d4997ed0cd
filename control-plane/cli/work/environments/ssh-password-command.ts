/** `remotegpu env ssh-password`: a generated password for who has no key at hand. It is printed once. */
import { removeEnvironmentSshPassword, setEnvironmentSshPassword } from "../../../client/generated/api.ts";
import { command, flag } from "../../framework/command.ts";
import { printDone } from "../../framework/output.ts";
import { anEnvironment } from "./environment-state.ts";

export const SSH_PASSWORD = command({
  name: "ssh-password",
  summary: "make a password for SSH in place of any before, or take it away",
  takes: { ...anEnvironment(), remove: flag("--remove", "no password opens it any more") },
  run: async ({ api, output }, { environment, remove }) => {
    if (remove) {
      await api.send(removeEnvironmentSshPassword(environment));
      return printDone(output, `No password opens environment ${environment} any more.`, { id: environment });
    }
    const made = await api.send(setEnvironmentSshPassword(environment));
    printDone(output, `Password for ${made.user} (shown this once): ${made.password}`, made);
  },
});
