/** One dataset or model: its versions and their pools, how it is filled, who mounts it, and its end. */
import type { DataVersion } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Code, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { OneOf } from "../../components/page/one-of.tsx";
import { useGo } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { bytesText } from "../../components/text/size-text.ts";
import { StatusBadge } from "../../components/status-badge.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import { DATA, type DataEntry, type DataKind, MountsCell } from "./mounts.tsx";

export function EntryPanel({ kind, id }: { kind: DataKind; id: string }) {
  const entry = useApi<DataEntry>(DATA[kind].get(id), { topics: ["workloads"] });
  return <OneOf from={entry}>{(loaded) => <View kind={kind} entry={loaded} />}</OneOf>;
}

function View({ kind, entry }: { kind: DataKind; entry: DataEntry }) {
  const { t } = useTranslation("data");
  const go = useGo();
  const fill = `remotegpu ${kind} put ${entry.id} ./folder`;
  const columns: Column<DataVersion>[] = [
    { title: t("version.number"), cell: ({ version }) => version },
    { title: t("version.pool"), cell: ({ storage_pool: pool }) => pool },
    {
      title: t("column.status"),
      cell: (version) => (
        <>
          <StatusBadge status={version.status} />
          {version.is_mounted && <Text size="sm">{t("version.mounted")}</Text>}
          {version.status_reason !== null && (
            <Text size="sm">
              <ReasonText of={version} field="status_reason" />
            </Text>
          )}
        </>
      ),
    },
    { title: t("column.size"), cell: ({ total_size: size }) => bytesText(size) },
    { title: t("version.files"), cell: ({ file_count: count }) => count, isWide: true },
    { title: t("version.begun"), cell: ({ begun_at: at }) => <AgeText at={at} />, isWide: true },
  ];
  return (
    <>
      <Panel
        title={entry.name}
        actions={
          <ActionButton
            label={t("delete")}
            request={DATA[kind].remove(entry.id)}
            consequences={{
              title: t("deleteTitle", { name: entry.name }),
              stops: [t("deleteStops")],
              keeps: [t("deleteKeeps")],
              charged: [t("deleteCharged")],
            }}
            onDone={() => go("/data")}
          />
        }
      >
        <Group gap="xs">
          <StatusBadge status={entry.status} />
          <Text>{bytesText(entry.total_size) ?? t("notMeasured")}</Text>
        </Group>
        {entry.description !== null && (
          <Text>
            <NameText>{entry.description}</NameText>
          </Text>
        )}
        <Text fw={600} mt="sm">
          {t("column.mounts")}
        </Text>
        <MountsCell of={entry.mounted_by} />
        <Text fw={600} mt="sm">
          {t("fill")}
        </Text>
        <Group gap="xs">
          <Code style={{ overflowWrap: "anywhere" }}>{fill}</Code>
          <CopyButton text={fill} />
        </Group>
      </Panel>
      <PageTable
        title={t("version.title")}
        definition={t("version.definition")}
        list={DATA[kind].versions(entry.id)}
        columns={columns}
        keyOf={({ version, storage_pool: pool }) => `${version} ${pool}`}
        empty={t("version.empty")}
      />
    </>
  );
}
