/** One inference service: whether it answers and how, what its replicas do, its versions, its keys, what it costs. */
import { getInferenceService } from "@remotegpu/control-plane/client/generated/api";
import { Group, Stack, Text } from "@mantine/core";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { useAddressId } from "../../components/filters.ts";
import { OneOf } from "../../components/page/one-of.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { EventsPanel } from "../../components/workload/events-panel.tsx";
import { GpuHistoryPanel } from "../../components/workload/gpu-history.tsx";
import { VariablesPanel } from "../../components/workload/variables.tsx";
import { WhyPanel } from "../../components/workload/why-panel.tsx";
import { withValues } from "../../components/workload/known-values.ts";
import type { WorkloadRef } from "../../components/workload/workload.ts";
import { EndpointPanel } from "./endpoint-panel.tsx";
import { KeysPanel } from "./keys-panel.tsx";
import { ReplicasPanel } from "./replicas-panel.tsx";
import type { Service } from "./service.ts";
import { ServiceActions } from "./service-actions.tsx";
import { TrafficPanel } from "./traffic-panel.tsx";
import { VersionsPanel } from "./versions-panel.tsx";

/** Most of what the page weighs is for reading logs; the rest is shown before. */
const ServiceLogs = lazy(async () => ({ default: (await import("./service-logs.tsx")).ServiceLogs }));

export default function ServicePage() {
  const id = useAddressId();
  const service = useApi(getInferenceService(id), {
    topics: [`service:${id}`],
    // What is in flight at its replicas changes without a word.
    isMoving: true,
  });
  return <OneOf from={service}>{(loaded) => <ServiceView service={loaded} />}</OneOf>;
}

function ServiceView({ service }: { service: Service }) {
  const { t } = useTranslation("inference");
  const workload: WorkloadRef = { kind: "inference", id: service.id, topics: [`service:${service.id}`] };
  const { status, status_reason: reason, ready_replicas: ready, replicas } = service;
  return (
    <Stack>
      <PageHead title={service.name} actions={<ServiceActions service={service} />} />
      <Group gap="xs">
        <StatusBadge status={status} />
        <Text>{t("ready", { ready, replicas })}</Text>
        {reason !== null && (
          <Text>
            <ReasonText of={service} field="status_reason" />
          </Text>
        )}
      </Group>
      <TrafficPanel service={service} />
      <EndpointPanel service={service} />
      <ReplicasPanel service={service} />
      {service.waiting_replicas > 0 && <WhyPanel workload={workload} />}
      <VersionsPanel service={service} />
      <VariablesPanel variables={service.env_vars} request={getInferenceService(service.id, withValues)} />
      <KeysPanel id={service.id} />
      <Suspense fallback={null}>
        <ServiceLogs service={service} />
      </Suspense>
      <GpuHistoryPanel workload={workload} />
      <EventsPanel workload={workload} />
    </Stack>
  );
}
