/** `remotegpu workspace member …`: who belongs to a workspace, and how they come to. */
import type { Command } from "commander";
import { withContext } from "./context.ts";
import { printDone, printList, type Column } from "./output.ts";

const INVITATION_COLUMNS: Column[] = [
  "id",
  "workspace_id",
  "workspace_name",
  "invited_by",
  "role",
  "expires_at",
];
const ASKED_COLUMNS: Column[] = [
  "id",
  ["who", (row) => row.email ?? row.username],
  "role",
  "invited_by",
  "created_at",
  "expires_at",
];

export function addMemberCommands(workspace: Command): void {
  const member = workspace.command("member").description("members of a workspace");
  member
    .command("list <workspace>")
    .description("who is in a workspace, and as what")
    .action(
      withContext(async ({ api, output }, id: string) =>
        printList(output, await api.list(`/workspaces/${id}/members`), [
          "customer_id",
          "username",
          "role",
          "status",
        ]),
      ),
    );
  member
    .command("invite <workspace> <who>")
    .description("invite somebody by e-mail or username; the answer is the same whether they are known here")
    .option("--role <role>", "admin, member or viewer", "member")
    .action(
      withContext(async ({ api, output }, id: string, who: string, options: { role: string }) => {
        const row = await api.post(`/workspaces/${id}/members`, {
          [who.includes("@") ? "email" : "username"]: who,
          role: options.role,
        });
        printDone(
          output,
          `If ${who} has an account here, it can accept until ${String(row.expires_at)} to become ${options.role} of workspace ${id}.`,
          row,
        );
      }),
    );
  member
    .command("invitations [workspace]")
    .description("what you are invited to; or what a workspace has asked and nobody has accepted")
    .action(
      withContext(async ({ api, output }, id: string | undefined) => {
        if (id === undefined)
          return printList(
            output,
            await api.list("/invitations"),
            INVITATION_COLUMNS,
            "You are not invited.",
          );
        printList(output, await api.list(`/workspaces/${id}/invitations`), ASKED_COLUMNS);
      }),
    );
  member
    .command("accept <invitation>")
    .description("become a member of the workspace that you are invited to")
    .action(
      withContext(async ({ api, output }, id: string) => {
        const row = await api.post(`/invitations/${encodeURIComponent(id)}/accept`);
        printDone(output, `You are ${String(row.role)} of workspace ${String(row.workspace_id)}.`, row);
      }),
    );
  member
    .command("decline <invitation>")
    .description("do not become a member; whoever invited is not told")
    .action(
      withContext(async ({ api, output }, id: string) => {
        await api.post(`/invitations/${encodeURIComponent(id)}/decline`);
        printDone(output, `Invitation ${id} is declined.`, { id });
      }),
    );
  member
    .command("withdraw <workspace> <invitation>")
    .description("take an invitation back")
    .action(
      withContext(async ({ api, output }, id: string, invitation: string) => {
        await api.delete(`/workspaces/${id}/invitations/${encodeURIComponent(invitation)}`);
        printDone(output, `Invitation ${invitation} is withdrawn.`, { id: invitation });
      }),
    );
  member
    .command("set <workspace> <customer>")
    .description("change a member's role")
    .requiredOption("--role <role>", "admin, member or viewer")
    .action(
      withContext(async ({ api, output }, id: string, customer: string, options: { role: string }) => {
        const row = await api.patch(`/workspaces/${id}/members/${customer}`, { role: options.role });
        printDone(output, `Customer ${customer} is ${options.role} of workspace ${id}.`, row);
      }),
    );
  member
    .command("remove <workspace> <customer>")
    .description("take a member out of a workspace")
    .action(
      withContext(async ({ api, output }, id: string, customer: string) => {
        await api.delete(`/workspaces/${id}/members/${customer}`);
        printDone(output, `Customer ${customer} left workspace ${id}.`);
      }),
    );
}
