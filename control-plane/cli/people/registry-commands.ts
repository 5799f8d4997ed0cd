/** `remotegpu registry-credential …`: what private images are fetched with. Passwords are read, never shown. */
import { given } from "../../client/api-request.ts";
import {
  createRegistryCredential,
  deleteRegistryCredential,
  listRegistryCredentials,
} from "../../client/generated/api.ts";
import type { RegistryCredential } from "../../client/generated/api.schemas.ts";
import { fileText, wholeNumber, words } from "../framework/arguments.ts";
import { argument, command, needed, option, resourceField, type Group } from "../framework/command.ts";
import { listCommand } from "../framework/list-command.ts";
import { printDone, type Column } from "../framework/output.ts";
import { promptForSecret } from "../framework/secret-input.ts";

const COLUMNS: Column<RegistryCredential>[] = [
  "id",
  "registry",
  "username",
  ["for", ({ workspace_id: id }) => (typeof id === "number" ? `workspace ${id}` : "you")],
  ["usable", (row) => (row.usable ? "yes" : "no: give it anew")],
  "created_at",
];

const ofWorkspace = (description: string) => ({
  workspace_id: option("--workspace <workspace>", description, wholeNumber(), { of: "workspace" }),
});

export const REGISTRY_CREDENTIAL: Group = {
  name: "registry-credential",
  summary: "credentials of registries, with which hosts fetch private images",
  members: [
    command({
      name: "add",
      summary:
        "set one, in place of an earlier one for that registry; prompts for the password, or reads it from standard input",
      takes: {
        registry: argument("registry", words()),
        username: needed("--username <name>", "as whom hosts fetch", words()),
        ...ofWorkspace("for all that is ordered there; else for what you order"),
        password: option("--password-file <file>", "read the password, or token, from there", fileText()),
      },
      run: async ({ api, output }, { password, ...members }) => {
        const { registry, username, workspace_id: workspace } = members;
        const secret = password ?? (await promptForSecret(`Password of ${username} at ${registry}: `));
        const row = await api.send(createRegistryCredential({ ...given(members), password: secret }));
        const whose = workspace === undefined ? "what you order" : `workspace ${workspace}`;
        printDone(output, `Hosts fetch from ${row.registry} as ${username} for ${whose}.`, row);
      },
    }),
    listCommand({
      summary: "yours, and those of workspaces that you own or administer",
      takes: ofWorkspace("of one workspace"),
      request: ({ workspace_id }) => listRegistryCredentials(given({ workspace_id })),
      columns: COLUMNS,
      empty: "No credentials. Give one: remotegpu registry-credential add REGISTRY --username NAME",
    }),
    command({
      name: "remove",
      summary: "take one back; hosts get it no longer",
      takes: { credential: resourceField("registry", "registry-credential") },
      run: async ({ api, output }, { credential }) => {
        await api.send(deleteRegistryCredential(credential));
        printDone(output, `Credential ${credential} is gone.`, { id: credential });
      },
    }),
  ],
};
