/** One array of jobs: how many of its elements stand where, and what is done with all of them. */
import {
  cancelTrainingJobGroup,
  deleteTrainingJobGroup,
  getTrainingJobGroup,
} from "@remotegpu/control-plane/client/generated/api";
import type { TrainingJobGroup } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { NameText } from "../../components/text/name-text.tsx";
import { useGo } from "../../components/page/page-link.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";

export function ArrayPanel({ id }: { id: string }) {
  const { t } = useTranslation("training");
  const group = useApi(getTrainingJobGroup(id), { topics: ["workloads"] });
  return (
    <Panel title={t("array.title")} from={group}>
      {(loaded) => (
        <>
          <Group gap="xs">
            <Text fw={600} style={{ overflowWrap: "anywhere" }}>
              <NameText>{loaded.name}</NameText> [{loaded.from}–{loaded.to}]
            </Text>
            <StatusBadge status={loaded.status} />
            {loaded.at_once !== null && <Text size="sm">{t("array.atOnce", { count: loaded.at_once })}</Text>}
          </Group>
          <Elements of={loaded} />
          <ArrayActions group={loaded} />
        </>
      )}
    </Panel>
  );
}

export function Elements({ of: { elements } }: { of: TrainingJobGroup }) {
  return (
    <Group gap="xs">
      {Object.entries(elements)
        .filter(([, count]) => count > 0)
        .map(([status, count]) => (
          <Group key={status} gap={4} wrap="nowrap">
            <Text span size="sm">
              {count}
            </Text>
            <StatusBadge status={status} />
          </Group>
        ))}
    </Group>
  );
}

function ArrayActions({ group }: { group: TrainingJobGroup }) {
  const { t } = useTranslation("training");
  const go = useGo();
  const { elements } = group;
  const left = elements.pending + elements.queued + elements.running;
  return (
    <Group gap="xs" mt="sm">
      {left > 0 && (
        <ActionButton
          label={t("array.cancel")}
          request={cancelTrainingJobGroup(group.id)}
          consequences={{
            title: t("array.cancelTitle", { name: group.name }),
            keep: t("array.keep"),
            stops: [t("array.cancelStops", { count: left })],
            keeps: [t("acts.keptOutput")],
            charged: [t("acts.cancelCharged"), t("acts.storageCharged")],
          }}
        />
      )}
      <ActionButton
        label={t("array.delete")}
        request={deleteTrainingJobGroup(group.id)}
        consequences={{
          title: t("array.deleteTitle", { name: group.name }),
          stops: left > 0 ? [t("array.cancelStops", { count: left })] : [],
          keeps: [t("acts.keptBill")],
          charged: [t("acts.deletedCharged")],
        }}
        onDone={() => go("/training?by=array")}
      />
    </Group>
  );
}
