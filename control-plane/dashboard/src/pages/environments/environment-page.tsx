/** One environment: where it stands and why, how to get in, what it does and costs, and what can be done with it. */
import { getEnvironment } from "@remotegpu/control-plane/client/generated/api";
import { Alert, SimpleGrid, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { answeredAt, useApi } from "../../api/use-api.ts";
import { useAddressId } from "../../components/filters.ts";
import { NameText } from "../../components/text/name-text.tsx";
import { OneOf } from "../../components/page/one-of.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { EventsPanel } from "../../components/workload/events-panel.tsx";
import { GpuHistoryPanel } from "../../components/workload/gpu-history.tsx";
import { LiveGpus } from "../../components/workload/live-gpus.tsx";
import { RunsPanel } from "../../components/workload/runs-panel.tsx";
import { VariablesPanel } from "../../components/workload/variables.tsx";
import { WhyPanel } from "../../components/workload/why-panel.tsx";
import { withValues } from "../../components/workload/known-values.ts";
import { AccessPanel } from "./access/access-panel.tsx";
import { SharesPanel } from "./access/shares-panel.tsx";
import { WhoIsIn } from "./access/who-is-in.tsx";
import { type Environment, gpusOf, workloadOf } from "./one/environment.ts";
import { EnvironmentActions } from "./one/actions.tsx";
import { LogsPanel } from "./one/logs-panel.tsx";
import { StatusSummary } from "./one/status-summary.tsx";

export default function EnvironmentPage() {
  const id = useAddressId();
  const workload = workloadOf(id);
  const environment = useApi(getEnvironment(id), {
    topics: workload.topics,
    // Whether it is used, and so when it stops, is told by no change.
    isMoving: true,
  });
  return (
    <OneOf from={environment}>
      {(data) => <View key={id} environment={data} at={answeredAt(environment)} />}
    </OneOf>
  );
}

function View({ environment, at }: { environment: Environment; at: string }) {
  const { t } = useTranslation(["environments", "workload"]);
  const { id, status, waits_for_restart: waits } = environment;
  const workload = workloadOf(id);
  return (
    <>
      <PageHead title={environment.name} actions={<EnvironmentActions environment={environment} />} />
      <Stack>
        <StatusSummary environment={environment} at={at} />
        {waits.length > 0 && (
          <Alert variant="light">
            <NameText>{t("one.waitsForRestart", { fields: waits.join(", ") })}</NameText>
          </Alert>
        )}
        {(status === "queued" || status === "creating") && <WhyPanel workload={workload} />}
        <AccessPanel environment={environment} />
        <SimpleGrid cols={{ base: 1, lg: 2 }}>
          <Panel title={t("workload:gpus.title")}>
            <LiveGpus gpus={gpusOf(environment)} />
            {gpusOf(environment).length === 0 && environment.gpu > 0 && (
              <Text size="sm" c="dimmed">
                {t("one.gpusOrdered", { count: environment.gpu })}
              </Text>
            )}
          </Panel>
          <WhoIsIn id={id} />
        </SimpleGrid>
        <LogsPanel environment={environment} />
        {environment.gpu > 0 && <GpuHistoryPanel workload={workload} />}
        <RunsPanel workload={workload} />
        <VariablesPanel variables={environment.env_vars} request={getEnvironment(id, withValues)} />
        <SharesPanel environment={environment} />
        <EventsPanel workload={workload} />
      </Stack>
    </>
  );
}
