/** Why a workload waits, host by host, and what would start it now; of others the sentence of where they stand. */
import type { Why } from "@remotegpu/control-plane/client/generated/api.schemas";
import { List, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { AgeText } from "../text/age-text.tsx";
import { NameText } from "../text/name-text.tsx";
import { type Column, Rows } from "../page/page-table.tsx";
import { Panel } from "../page/panel.tsx";
import { type WorkloadRef, WORKLOADS } from "./workload.ts";
import { ReasonText } from "../text/reason-text.tsx";

/** The hosts of a large fleet are told in the answer; whoever reads wants the first. */
const MAX_HOSTS = 100;

interface WhyPanelOf {
  workload: WorkloadRef;
  /** Else they stand behind a click, since there may be many. */
  areHostsVisible?: boolean;
}

export function WhyPanel({ workload, areHostsVisible = false }: WhyPanelOf) {
  const { t } = useTranslation("workload");
  const why = useApi(WORKLOADS[workload.kind].why(workload.id), { topics: [...workload.topics, "queue"] });
  return (
    <Panel title={t("why.title")} definition={t("why.definition")} from={why}>
      {(loaded) => <Reported why={loaded} areHostsVisible={areHostsVisible} />}
    </Panel>
  );
}

function Reported({ why, areHostsVisible }: { why: Why; areHostsVisible: boolean }) {
  const { t } = useTranslation("workload");
  const { reason, position, suggestions, image_fetches: fetches, gpu_faults: faults, hosts } = why;
  return (
    <>
      {reason !== null && (
        <Text>
          <ReasonText of={why} field="reason" />
        </Text>
      )}
      {faults.map((fault) => (
        <Text key={`${fault.at} ${fault.code} ${fault.rank}`} size="sm">
          <ReasonText of={fault} field="reason" /> <AgeText at={fault.at} />
        </Text>
      ))}
      {position !== null && <Text>{t("why.position", { position })}</Text>}
      {suggestions.length > 0 && (
        <>
          <Text fw={600} mt="sm">
            {t("why.wouldStart")}
          </Text>
          <List size="sm">
            {suggestions.map((suggestion) => (
              <List.Item key={suggestion.sentence}>
                <ReasonText of={suggestion} field="sentence" />
              </List.Item>
            ))}
          </List>
        </>
      )}
      {fetches.map((fetch) => (
        <Text key={`${fetch.host_id} ${fetch.image} ${fetch.since}`} size="sm" mt="xs">
          {fetch.reason === null ? (
            <NameText>{t("why.fetching", { host: fetch.host_name, image: fetch.image })}</NameText>
          ) : (
            <ReasonText of={fetch} field="reason" />
          )}{" "}
          <AgeText at={fetch.ended_at ?? fetch.since} />
        </Text>
      ))}
      {hosts.length > 0 && <Hosts hosts={hosts} areVisible={areHostsVisible} />}
    </>
  );
}

function Hosts({ hosts, areVisible }: { hosts: Why["hosts"]; areVisible: boolean }) {
  const { t } = useTranslation("workload");
  const columns: Column<Why["hosts"][number]>[] = [
    { title: t("why.host"), cell: ({ host_name }) => <NameText>{host_name}</NameText> },
    {
      title: t("why.reason"),
      cell: (host) => <ReasonText of={host} field="reason" />,
    },
  ];
  return (
    <details open={areVisible}>
      <summary>{t("why.hosts", { count: hosts.length })}</summary>
      <Rows
        title={t("why.hosts", { count: hosts.length })}
        columns={columns}
        items={hosts.slice(0, MAX_HOSTS)}
        keyOf={({ host_id }) => host_id}
      />
      {hosts.length > MAX_HOSTS && (
        <Text size="sm" c="dimmed">
          {t("why.moreHosts", { count: hosts.length - MAX_HOSTS })}
        </Text>
      )}
    </details>
  );
}
