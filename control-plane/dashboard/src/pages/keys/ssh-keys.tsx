/** Public keys that open the reader's environments by SSH. */
import { createSshKey, deleteSshKey, listSshKeys } from "@remotegpu/control-plane/client/generated/api";
import type { SshKey } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";

export function SshKeys() {
  const { t } = useTranslation("keys");
  const columns: Column<SshKey>[] = [
    { title: t("name"), cell: ({ name }) => name },
    { title: t("ssh.fingerprint"), cell: ({ fingerprint }) => fingerprint, isWide: true },
    { title: t("made"), cell: ({ created_at: at }) => <AgeText at={at} /> },
    {
      title: t("acts"),
      cell: ({ id, name }) => (
        <ActionButton
          label={t("remove")}
          request={deleteSshKey(id)}
          consequences={{
            title: t("ssh.removeTitle", { name }),
            stops: [t("ssh.removeStops")],
            keeps: [t("ssh.removeKeeps")],
            charged: [t("ssh.removeCharged")],
          }}
        />
      ),
    },
  ];
  return (
    <PageTable
      title={t("ssh.title")}
      definition={t("ssh.definition")}
      list={listSshKeys()}
      columns={columns}
      keyOf={({ id }) => id}
      empty={t("ssh.empty")}
      actions={
        <DialogForm
          open={t("ssh.add")}
          title={t("ssh.add")}
          submit={t("ssh.add")}
          request={createSshKey}
          fields={[
            { path: "name", kind: "text", label: t("name"), isRequired: true, maxLength: 128 },
            {
              path: "public_key",
              kind: "lines",
              label: t("ssh.key"),
              hint: t("ssh.keyHint"),
              isRequired: true,
            },
          ]}
        />
      }
    />
  );
}
