/** The images on offer; administrators keep the list. */
import { createImage, deleteImage, listImages } from "@remotegpu/control-plane/client/generated/api";
import type { Image } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useTranslation } from "react-i18next";
import { useMe } from "../../session/session.tsx";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { bytesText } from "../../components/text/size-text.ts";
import { StatusBadge } from "../../components/status-badge.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";

export default function ImagesPage() {
  const { t } = useTranslation("data");
  const { isAdmin } = useMe();
  const columns: Column<Image>[] = [
    { title: t("column.name"), cell: ({ name }) => name },
    { title: t("image.shown"), cell: ({ display_name: visible }) => visible, isWide: true },
    {
      title: t("image.framework"),
      cell: ({ framework, framework_version: version }) =>
        [framework, version].filter((part) => part !== null).join(" "),
    },
    { title: "CUDA", cell: ({ cuda_version: cuda }) => cuda, isWide: true },
    { title: t("column.size"), cell: ({ size }) => bytesText(size), isWide: true },
    { title: t("column.status"), cell: ({ status }) => <StatusBadge status={status} /> },
    ...(isAdmin
      ? [
          {
            title: t("image.acts"),
            cell: ({ id, name }: Image) => (
              <ActionButton
                label={t("image.remove")}
                request={deleteImage(id)}
                consequences={{
                  title: t("image.removeTitle", { name }),
                  stops: [t("image.removeStops")],
                  keeps: [t("image.removeKeeps")],
                  charged: [t("image.removeCharged")],
                }}
              />
            ),
          },
        ]
      : []),
  ];
  return (
    <>
      <PageHead title={t("image.title")} />
      <PageTable
        title={t("image.title")}
        definition={t("image.definition")}
        list={listImages()}
        columns={columns}
        keyOf={({ id }) => id}
        empty={t("image.empty")}
        actions={isAdmin && <NewImage />}
      />
    </>
  );
}

function NewImage() {
  const { t } = useTranslation("data");
  return (
    <DialogForm
      open={t("image.add")}
      title={t("image.add")}
      submit={t("add")}
      request={createImage}
      fields={[
        { path: "name", kind: "text", label: t("column.name"), isRequired: true },
        { path: "display_name", kind: "text", label: t("image.shown") },
        { path: "framework", kind: "text", label: t("image.framework") },
        { path: "framework_version", kind: "text", label: t("image.version") },
        { path: "cuda_version", kind: "text", label: "CUDA" },
      ]}
    />
  );
}
