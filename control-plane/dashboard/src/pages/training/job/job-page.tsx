/** One training job: where its ranks stand, what they wrote and left, what it costs, and what can be done with it. */
import { getTrainingJob } from "@remotegpu/control-plane/client/generated/api";
import { Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { answeredAt, useApi } from "../../../api/use-api.ts";
import { AgeText } from "../../../components/text/age-text.tsx";
import { Figure } from "../../../components/figure.tsx";
import { useAddressId } from "../../../components/filters.ts";
import { OneOf } from "../../../components/page/one-of.tsx";
import { PageHead } from "../../../components/page/page-head.tsx";
import { PageLink } from "../../../components/page/page-link.tsx";
import { ReasonText } from "../../../components/text/reason-text.tsx";
import { StatusBadge } from "../../../components/status-badge.tsx";
import { CostText, useCost } from "../../../components/workload/cost.tsx";
import { EventsPanel } from "../../../components/workload/events-panel.tsx";
import { GpuHistoryPanel } from "../../../components/workload/gpu-history.tsx";
import { RunsPanel } from "../../../components/workload/runs-panel.tsx";
import { WhyPanel } from "../../../components/workload/why-panel.tsx";
import type { WorkloadRef } from "../../../components/workload/workload.ts";
import type { Job } from "./job.ts";
import { JobActions } from "./job-actions.tsx";
import { LanesPanel } from "./lanes-panel.tsx";
import { OrderedPanel } from "./ordered-panel.tsx";
import { OutputPanel } from "./output-panel.tsx";
import { PreflightPanel } from "./preflight-panel.tsx";

/** Most of what the page weighs is for reading logs; the rest is shown before. */
const JobLogs = lazy(async () => ({ default: (await import("./job-logs.tsx")).JobLogs }));

export default function JobPage() {
  const id = useAddressId();
  const job = useApi(getTrainingJob(id), { topics: [`job:${id}`] });
  return <OneOf from={job}>{(loaded) => <JobView job={loaded} at={answeredAt(job)} />}</OneOf>;
}

interface JobViewOf {
  job: Job;
  /** When this was told. */
  at: string;
}

function JobView({ job, at }: JobViewOf) {
  const workload: WorkloadRef = { kind: "training", id: job.id, topics: [`job:${job.id}`] };
  const isWaiting = job.status === "queued" || job.status === "pending";
  return (
    <Stack>
      <PageHead title={job.name} actions={<JobActions job={job} />} />
      <State job={job} at={at} />
      {isWaiting && <WhyPanel workload={workload} />}
      <LanesPanel job={job} />
      <PreflightPanel job={job} />
      <Suspense fallback={null}>
        <JobLogs job={job} />
      </Suspense>
      <OutputPanel job={job} />
      <GpuHistoryPanel workload={workload} />
      <RunsPanel workload={workload} />
      <EventsPanel workload={workload} />
      <OrderedPanel job={job} />
    </Stack>
  );
}

function State({ job, at }: JobViewOf) {
  const { t } = useTranslation("training");
  const cost = useCost(job.id, job);
  const { status, status_reason: reason, attempt, group_id: group, array_index: index } = job;
  return (
    <>
      <Group gap="xs">
        <StatusBadge status={status} />
        {reason !== null && (
          <Text>
            <ReasonText of={job} field="status_reason" />
          </Text>
        )}
      </Group>
      {group !== null && (
        <Text size="sm">
          {t("one.element", { index: index ?? 0 })}{" "}
          <PageLink to={`/training?group_id=${encodeURIComponent(group)}`}>{t("one.array")}</PageLink>
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
        <Figure
          at={cost.at ?? at}
          label={t("one.cost")}
          definition={t("one.costIs")}
          value={<CostText id={job.id} requested={job} />}
        />
        <Figure at={at} label={t("one.attempt")} definition={t("one.attemptIs")} value={attempt} />
        <Figure
          label={t("one.begun")}
          definition={t("one.begunIs")}
          value={
            job.started_at === null ? (
              t(job.completed_at === null ? "one.notYet" : "one.never")
            ) : (
              <AgeText at={job.started_at} />
            )
          }
        />
        <Figure
          label={t("one.ended")}
          definition={t("one.endedIs")}
          value={job.completed_at === null ? t("one.notYet") : <AgeText at={job.completed_at} />}
        />
      </SimpleGrid>
    </>
  );
}
