/** Its replicas: where each is, whether it passes its probe, of which version it is, and how it goes. */
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { NotReported } from "../../components/text/not-reported.tsx";
import { type Column, Rows } from "../../components/page/page-table.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { LiveGpus } from "../../components/workload/live-gpus.tsx";
import type { Replica, Service } from "./service.ts";

const PROBES = { yes: "passes", no: "fails", "not-yet": "notYet" } as const;

export function ReplicasPanel({ service }: { service: Service }) {
  const { t } = useTranslation("inference");
  const { instances, rollout } = service;
  const columns: Column<Replica>[] = [
    { title: t("replicas.rank"), cell: ({ rank }) => rank },
    {
      title: t("replicas.state"),
      cell: (replica) => <StateOf replica={replica} />,
    },
    { title: t("replicas.probe"), cell: ({ serving }) => <Probe serving={serving} /> },
    { title: t("replicas.inFlight"), cell: ({ in_flight: inFlight }) => inFlight ?? <NotReported /> },
    { title: t("replicas.host"), cell: ({ host_name: name }) => <NameText>{name}</NameText> },
    {
      title: t("replicas.revision"),
      cell: ({ revision }) => (
        <>
          {revision}
          {rollout !== null && (
            <Text span size="sm" c="dimmed">
              {" "}
              {t(revision === rollout.revision ? "replicas.new" : "replicas.old")}
            </Text>
          )}
        </>
      ),
    },
    { title: t("replicas.gpus"), cell: ({ gpus }) => <LiveGpus gpus={gpus} isShort />, isWide: true },
    {
      title: t("replicas.since"),
      cell: ({ placed_at: at }) => <AgeText at={at} />,
      isWide: true,
    },
  ];
  return (
    <Panel title={t("replicas.title")} definition={t("replicas.definition")}>
      {instances.length === 0 ? (
        <Text c="dimmed">{t("replicas.empty")}</Text>
      ) : (
        <Rows title={t("replicas.title")} columns={columns} items={instances} keyOf={({ id }) => id} />
      )}
    </Panel>
  );
}

function StateOf({ replica }: { replica: Replica }) {
  const { t } = useTranslation("inference");
  const { state, detail, draining_since: draining, dismissal } = replica;
  return (
    <>
      <StatusBadge status={draining === null ? state : "draining"} />
      {draining !== null && (
        <Text size="sm">
          {t("replicas.drains")} <AgeText at={draining} />
        </Text>
      )}
      {dismissal !== null && (
        <Text size="sm" c="dimmed">
          <ReasonText of={replica} field="dismissal" />
        </Text>
      )}
      {detail !== null && detail !== "" && (
        <Text size="sm" c="dimmed">
          <ReasonText of={replica} field="detail" />
        </Text>
      )}
    </>
  );
}

/** What its host tells; nothing told is not a failure. */
function Probe({ serving }: { serving: string | null }) {
  const { t } = useTranslation(["inference", "parts"]);
  if (serving === null) return t("notReported", { ns: "parts" });
  const word = PROBES[serving as keyof typeof PROBES];
  return <span data-probe={serving}>{word === undefined ? serving : t(`probe.${word}`)}</span>;
}
