/** `remotegpu workspace member …`: who belongs to a workspace, and how they come to. */
import { words } from "../framework/arguments.ts";
import {
  argument,
  command,
  needed,
  optionalResourceField,
  optionOr,
  resourceField,
  type Group,
} from "../framework/command.ts";
import { listCommand, segment } from "../framework/list-command.ts";
import { printDone, printList, type Column } from "../framework/output.ts";
import { LEFT_INSIDE } from "../ssh/left-inside.ts";

const INVITATION_COLUMNS: Column[] = [
  "id",
  "workspace_id",
  "workspace_name",
  "invited_by",
  "role",
  "expires_at",
];
const REQUESTED_COLUMNS: Column[] = [
  "id",
  ["who", (row) => row.email ?? row.username],
  "role",
  "invited_by",
  "created_at",
  "expires_at",
];

const ROLE = "admin, member or viewer";
const aWorkspace = () => ({ workspace: resourceField("workspace", "workspace") });
const aMember = () => ({ ...aWorkspace(), customer: resourceField("customer", "member") });
const anInvitation = () => ({ invitation: argument("invitation", words()) });
const membersOf = (workspace: string) => `/workspaces/${segment(workspace)}/members`;
const answerTo = (invitation: string, verb: string) => `/invitations/${segment(invitation)}/${verb}`;

export const MEMBER: Group = {
  name: "member",
  summary: "members of a workspace",
  members: [
    listCommand({
      summary: "who is in a workspace, and as what",
      takes: aWorkspace(),
      route: ({ workspace }) => membersOf(workspace),
      columns: ["customer_id", "username", "role", "status"],
    }),
    command({
      name: "invite",
      summary: "invite somebody by e-mail or username; the answer is the same whether they are known here",
      takes: {
        ...aWorkspace(),
        who: argument("who", words()),
        role: optionOr("--role <role>", ROLE, words(), "member"),
      },
      run: async ({ api, output }, { workspace, who, role }) => {
        const address = { [who.includes("@") ? "email" : "username"]: who };
        const row = await api.post(membersOf(workspace), { ...address, role });
        const until = String(row.expires_at);
        const become = `to become ${role} of workspace ${workspace}`;
        printDone(output, `If ${who} has an account here, it can accept until ${until} ${become}.`, row);
      },
    }),
    command({
      name: "invitations",
      summary: "your invitations; or those of a workspace that nobody has accepted",
      takes: { workspace: optionalResourceField("workspace", "workspace") },
      isWatchable: true,
      run: async ({ api, output }, { workspace }) => {
        if (workspace === undefined)
          return printList(
            output,
            await api.list("/invitations"),
            INVITATION_COLUMNS,
            "You are not invited.",
          );
        printList(output, await api.list(`/workspaces/${segment(workspace)}/invitations`), REQUESTED_COLUMNS);
      },
    }),
    command({
      name: "accept",
      summary: "become a member of the workspace that you are invited to",
      takes: anInvitation(),
      run: async ({ api, output }, { invitation }) => {
        const row = await api.post(answerTo(invitation, "accept"));
        printDone(output, `You are ${String(row.role)} of workspace ${String(row.workspace_id)}.`, row);
      },
    }),
    command({
      name: "decline",
      summary: "do not become a member; the inviter is not notified",
      takes: anInvitation(),
      run: async ({ api, output }, { invitation }) => {
        await api.post(answerTo(invitation, "decline"));
        printDone(output, `Invitation ${invitation} is declined.`, { id: invitation });
      },
    }),
    command({
      name: "withdraw",
      summary: "take an invitation back",
      takes: { ...aWorkspace(), ...anInvitation() },
      run: async ({ api, output }, { workspace, invitation }) => {
        await api.delete(`/workspaces/${segment(workspace)}/invitations/${segment(invitation)}`);
        printDone(output, `Invitation ${invitation} is withdrawn.`, { id: invitation });
      },
    }),
    command({
      name: "set",
      summary: "change a member's role",
      takes: { ...aMember(), role: needed("--role <role>", ROLE, words()) },
      run: async ({ api, output }, { workspace, customer, role }) => {
        const row = await api.patch(`${membersOf(workspace)}/${segment(customer)}`, { role });
        const sentence = `Customer ${customer} is ${role} of workspace ${workspace}.`;
        printDone(output, role === "admin" ? sentence : `${sentence} ${LEFT_INSIDE}`, row);
      },
    }),
    command({
      name: "remove",
      summary: "take a member out of a workspace",
      takes: aMember(),
      run: async ({ api, output }, { workspace, customer }) => {
        await api.delete(`${membersOf(workspace)}/${segment(customer)}`);
        printDone(output, `Customer ${customer} left workspace ${workspace}. ${LEFT_INSIDE}`);
      },
    }),
  ],
};
