/** `remotegpu workspace member …`: who belongs to a workspace, and how they come to. */
import {
  acceptInvitation,
  changeWorkspaceMember,
  createWorkspaceMember,
  declineInvitation,
  deleteWorkspaceInvitation,
  deleteWorkspaceMember,
  listInvitations,
  listWorkspaceInvitations,
  listWorkspaceMembers,
} from "../../client/generated/api.ts";
import type {
  Invitation,
  MemberChange,
  NewInvitation,
  WorkspaceInvitation,
} from "../../client/generated/api.schemas.ts";
import { apiWord, words } from "../framework/arguments.ts";
import {
  argument,
  command,
  needed,
  optionalResourceField,
  optionOr,
  resourceField,
  type Group,
} from "../framework/command.ts";
import { listCommand } from "../framework/list-command.ts";
import { printDone, printList, type Column } from "../framework/output.ts";
import { LEFT_INSIDE } from "../ssh/left-inside.ts";

const INVITATION_COLUMNS: Column<Invitation>[] = [
  "id",
  "workspace_id",
  "workspace_name",
  "invited_by",
  "role",
  "expires_at",
];
const REQUESTED_COLUMNS: Column<WorkspaceInvitation>[] = [
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
export const MEMBER: Group = {
  name: "member",
  summary: "members of a workspace",
  members: [
    listCommand({
      summary: "who is in a workspace, and as what",
      takes: aWorkspace(),
      request: ({ workspace }) => listWorkspaceMembers(workspace),
      columns: ["customer_id", "username", "role", "status"],
    }),
    command({
      name: "invite",
      summary: "invite somebody by e-mail or username; the answer is the same whether they are known here",
      takes: {
        ...aWorkspace(),
        who: argument("who", words()),
        role: optionOr("--role <role>", ROLE, apiWord<NonNullable<NewInvitation["role"]>>(), "member"),
      },
      run: async ({ api, output }, { workspace, who, role }) => {
        const address = who.includes("@") ? { email: who } : { username: who };
        const row = await api.send(createWorkspaceMember(workspace, { ...address, role }));
        const until = row.expires_at;
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
            await api.list(listInvitations()),
            INVITATION_COLUMNS,
            "You are not invited.",
          );
        printList(output, await api.list(listWorkspaceInvitations(workspace)), REQUESTED_COLUMNS);
      },
    }),
    command({
      name: "accept",
      summary: "become a member of the workspace that you are invited to",
      takes: anInvitation(),
      run: async ({ api, output }, { invitation }) => {
        const row = await api.send(acceptInvitation(invitation));
        printDone(output, `You are ${row.role} of workspace ${row.workspace_id}.`, row);
      },
    }),
    command({
      name: "decline",
      summary: "do not become a member; the inviter is not notified",
      takes: anInvitation(),
      run: async ({ api, output }, { invitation }) => {
        await api.send(declineInvitation(invitation));
        printDone(output, `Invitation ${invitation} is declined.`, { id: invitation });
      },
    }),
    command({
      name: "withdraw",
      summary: "take an invitation back",
      takes: { ...aWorkspace(), ...anInvitation() },
      run: async ({ api, output }, { workspace, invitation }) => {
        await api.send(deleteWorkspaceInvitation(workspace, invitation));
        printDone(output, `Invitation ${invitation} is withdrawn.`, { id: invitation });
      },
    }),
    command({
      name: "set",
      summary: "change a member's role",
      takes: {
        ...aMember(),
        role: needed("--role <role>", ROLE, apiWord<NonNullable<MemberChange["role"]>>()),
      },
      run: async ({ api, output }, { workspace, customer, role }) => {
        const row = await api.send(changeWorkspaceMember(workspace, customer, { role }));
        const sentence = `Customer ${customer} is ${role} of workspace ${workspace}.`;
        printDone(output, role === "admin" ? sentence : `${sentence} ${LEFT_INSIDE}`, row);
      },
    }),
    command({
      name: "remove",
      summary: "take a member out of a workspace",
      takes: aMember(),
      run: async ({ api, output }, { workspace, customer }) => {
        await api.send(deleteWorkspaceMember(workspace, customer));
        printDone(output, `Customer ${customer} left workspace ${workspace}. ${LEFT_INSIDE}`);
      },
    }),
  ],
};
