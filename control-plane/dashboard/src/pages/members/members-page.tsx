/** Workspaces: who belongs to the one that is chosen, who is invited, and what the reader is invited to. */
import {
  createWorkspace,
  deleteWorkspace,
  listWorkspaces,
} from "@remotegpu/control-plane/client/generated/api";
import type { Workspace } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group, NativeSelect, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { useFilters } from "../../components/filters.ts";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { isolated } from "../../locales/isolated.ts";
import { OneOf } from "../../components/page/one-of.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import { InvitationsToMe } from "./invitations-to-me.tsx";
import { InvitationsTable, MembersTable } from "./members-table.tsx";

const MOST = 200;
const MANAGE = ["owner", "admin"];

export default function MembersPage() {
  const { t } = useTranslation("members");
  const [{ workspace }, setFilters] = useFilters(["workspace"]);
  const workspaces = useApi(listWorkspaces({ limit: MOST }));
  return (
    <OneOf from={workspaces}>
      {({ items }) => {
        const chosen = items.find(({ id }) => String(id) === workspace) ?? items[0];
        return (
          <Stack>
            <PageHead title={t("title")} actions={<NewWorkspace />} />
            <InvitationsToMe />
            {chosen !== undefined && (
              <>
                <Group align="end">
                  <NativeSelect
                    label={t("workspace")}
                    value={String(chosen.id)}
                    onChange={({ currentTarget: { value } }) => setFilters({ workspace: value })}
                    data={items.map(({ id, name }) => ({ value: String(id), label: isolated(name) }))}
                  />
                  {chosen.role === "owner" && chosen.type !== "personal" && <Delete workspace={chosen} />}
                </Group>
                <MembersTable workspace={chosen} canManage={canManage(chosen)} />
                {canManage(chosen) && <InvitationsTable workspace={chosen} />}
              </>
            )}
          </Stack>
        );
      }}
    </OneOf>
  );
}

/** Null: an administrator, who belongs to none. */
function canManage({ role }: Workspace): boolean {
  return role === null || MANAGE.includes(role);
}

function NewWorkspace() {
  const { t } = useTranslation("members");
  return (
    <DialogForm
      open={t("newWorkspace")}
      title={t("newWorkspace")}
      submit={t("make")}
      request={createWorkspace}
      fields={[
        { path: "name", kind: "text", label: t("name"), isRequired: true, maxLength: 128 },
        { path: "description", kind: "lines", label: t("description") },
      ]}
    >
      {t("newWorkspaceSays")}
    </DialogForm>
  );
}

function Delete({ workspace: { id, name } }: { workspace: Workspace }) {
  const { t } = useTranslation("members");
  return (
    <ActionButton
      label={t("delete")}
      request={deleteWorkspace(id)}
      consequences={{
        title: t("deleteTitle", { name }),
        stops: [t("deleteStops")],
        keeps: [t("deleteKeeps")],
        charged: [t("deleteCharged")],
      }}
    />
  );
}
