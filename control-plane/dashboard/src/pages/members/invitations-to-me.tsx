/** What the reader is invited to, where there is anything. */
import {
  acceptInvitation,
  declineInvitation,
  listInvitations,
} from "@remotegpu/control-plane/client/generated/api";
import type { Invitation } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { type Column, Rows } from "../../components/page/page-table.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";

export function InvitationsToMe() {
  const { t } = useTranslation("members");
  const invitations = useApi(listInvitations());
  if (invitations.data?.items.length === 0) return null;
  const columns: Column<Invitation>[] = [
    { title: t("workspace"), cell: ({ workspace_name: name }) => name },
    { title: t("by"), cell: ({ invited_by: by }) => by },
    { title: t("role"), cell: ({ role }) => t(`roles.${role as "owner"}`) },
    { title: t("expires"), cell: ({ expires_at: at }) => <AgeText at={at} /> },
    {
      title: t("acts"),
      cell: ({ id, workspace_name: name }) => (
        <Group gap="xs">
          <ActionButton label={t("accept")} request={acceptInvitation(id)} />
          <ActionButton
            label={t("decline")}
            request={declineInvitation(id)}
            consequences={{
              title: t("declineTitle", { name }),
              stops: [t("declineStops")],
              keeps: [t("declineKeeps")],
              charged: [],
            }}
          />
        </Group>
      ),
    },
  ];
  return (
    <Panel title={t("toMe")} from={invitations}>
      {({ items }) => <Rows title={t("toMe")} columns={columns} items={items} keyOf={({ id }) => id} />}
    </Panel>
  );
}
