/** The order of a job, anew or like one that was: what it would cost and when it would start stands beside it. */
import { getTrainingJob, orderTrainingJob } from "@remotegpu/control-plane/client/generated/api";
import { Stack } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../../../api/use-api.ts";
import { OrderPanel } from "../../../components/form/order-panel.tsx";
import { useForm } from "../../../components/form/use-form.ts";
import { useWorkspaceChoices } from "../../../components/form/workspace-choices.ts";
import { OneOf } from "../../../components/page/one-of.tsx";
import { PageHead } from "../../../components/page/page-head.tsx";
import { useGo } from "../../../components/page/page-link.tsx";
import { withValues } from "../../../components/workload/known-values.ts";
import type { Job } from "../job/job.ts";
import { JobTrial } from "./job-trial.tsx";
import { orderLike } from "./order-like.ts";
import { useJobFields } from "./job-fields.ts";

/** @param like the id of a job, or null */
export function JobOrder({ like }: { like: string | null }) {
  // What is ordered like it has its variables.
  const job = useApi(getTrainingJob(like ?? "", withValues), { enabled: like !== null, isLive: false });
  if (like === null) return <NewJob like={null} />;
  return <OneOf from={job}>{(loaded) => <NewJob like={loaded} />}</OneOf>;
}

function NewJob({ like }: { like: Job | null }) {
  const { t } = useTranslation("training");
  const go = useGo();
  const { main, more } = useJobFields(useWorkspaceChoices());
  const [base] = useState(() => (like === null ? undefined : orderLike(like)));
  const form = useForm({
    request: orderTrainingJob,
    fields: [...main, ...more],
    ...(base !== undefined && { base }),
    onDone: ({ id, group_id: group }) =>
      go(
        group === null
          ? `/training/${encodeURIComponent(id)}`
          : `/training?group_id=${encodeURIComponent(group)}`,
      ),
  });
  return (
    <Stack>
      <PageHead title={like === null ? t("order.title") : t("order.like", { name: like.name })} />
      <OrderPanel form={form} title={t("order.title")} main={main} more={more} list="/training" />
      {form.isReadable && <JobTrial body={form.body} />}
    </Stack>
  );
}
