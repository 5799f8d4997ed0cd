/** Members of a workspace, and invitations that nobody has accepted yet. */
import {
  changeWorkspaceMember,
  createWorkspaceMember,
  deleteWorkspaceInvitation,
  deleteWorkspaceMember,
  listWorkspaceInvitations,
  listWorkspaceMembers,
} from "@remotegpu/control-plane/client/generated/api";
import type {
  MemberChange,
  NewInvitation,
  Workspace,
  WorkspaceInvitation,
  WorkspaceMember,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { Consequences } from "../../components/confirm-dialog.tsx";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";

const ROLES = ["admin", "member", "viewer"] as const;

export function MembersTable({ workspace, canManage }: { workspace: Workspace; canManage: boolean }) {
  const { t } = useTranslation("members");
  const roles = useRoles();
  const columns: Column<WorkspaceMember>[] = [
    { title: t("name"), cell: ({ username }) => username },
    { title: t("role"), cell: ({ role }) => t(`roles.${role as "owner"}`) },
    { title: t("state"), cell: ({ status }) => <StatusBadge status={status} /> },
    { title: t("joined"), cell: ({ joined_at: at }) => <AgeText at={at} />, isWide: true },
    {
      title: t("acts"),
      cell: ({ customer_id: customerId, username, role, status }) =>
        canManage &&
        role !== "owner" && (
          <Group gap="xs">
            <DialogForm
              open={t("change")}
              title={t("changeTitle", { name: username })}
              submit={t("change")}
              request={(body: MemberChange) => changeWorkspaceMember(workspace.id, customerId, body)}
              base={{ role, status }}
              fields={[
                { path: "role", kind: "text", label: t("role"), choices: roles },
                {
                  path: "status",
                  kind: "text",
                  label: t("state"),
                  choices: [
                    { value: "active", label: t("active") },
                    { value: "suspended", label: t("suspended") },
                  ],
                },
              ]}
            >
              <Consequences
                stops={[t("suspendStops"), t("lowerStops")]}
                keeps={[t("changeKeeps")]}
                charged={[t("removeCharged")]}
              />
            </DialogForm>
            <ActionButton
              label={t("remove")}
              request={deleteWorkspaceMember(workspace.id, customerId)}
              consequences={{
                title: t("removeTitle", { name: username }),
                stops: [t("removeStops")],
                keeps: [t("removeKeeps")],
                charged: [t("removeCharged")],
              }}
            />
          </Group>
        ),
    },
  ];
  return (
    <PageTable
      title={t("title")}
      definition={t("definition")}
      list={listWorkspaceMembers(workspace.id)}
      columns={columns}
      keyOf={({ customer_id: id }) => id}
      actions={canManage && <Invite workspaceId={workspace.id} />}
    />
  );
}

function useRoles() {
  const { t } = useTranslation("members");
  return ROLES.map((value) => ({ value, label: t(`roles.${value}`) }));
}

function Invite({ workspaceId }: { workspaceId: number }) {
  const { t } = useTranslation("members");
  return (
    <DialogForm
      open={t("invite")}
      title={t("invite")}
      submit={t("invite")}
      request={(body: NewInvitation) => createWorkspaceMember(workspaceId, body)}
      fields={[
        { path: "email", kind: "text", label: t("email"), hint: t("emailHint") },
        { path: "username", kind: "text", label: t("username") },
        { path: "role", kind: "text", label: t("role"), initial: "member", choices: useRoles() },
      ]}
    >
      {t("inviteSays")}
    </DialogForm>
  );
}

export function InvitationsTable({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("members");
  const columns: Column<WorkspaceInvitation>[] = [
    { title: t("invited"), cell: ({ email, username }) => email ?? username },
    { title: t("role"), cell: ({ role }) => t(`roles.${role as "owner"}`) },
    { title: t("expires"), cell: ({ expires_at: at }) => <AgeText at={at} /> },
    {
      title: t("acts"),
      cell: ({ id, email, username }) => (
        <ActionButton
          label={t("withdraw")}
          request={deleteWorkspaceInvitation(workspace.id, id)}
          consequences={{
            title: t("withdrawTitle", { name: email ?? username ?? id }),
            stops: [t("withdrawStops")],
            keeps: [t("withdrawKeeps")],
            charged: [],
          }}
        />
      ),
    },
  ];
  return (
    <PageTable
      title={t("openInvitations")}
      list={listWorkspaceInvitations(workspace.id)}
      columns={columns}
      keyOf={({ id }) => id}
      empty={t("noInvitations")}
    />
  );
}
