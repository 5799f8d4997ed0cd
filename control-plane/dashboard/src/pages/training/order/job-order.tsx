/** The order of a job, anew or like one that was: what it would cost and when it would start stands beside it. */
import { getTrainingJob, orderTrainingJob } from "@remotegpu/control-plane/client/generated/api";
import type { NewTrainingJob } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Group, Paper, Stack } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction, useApi } from "../../../api/use-api.ts";
import { bodyOf, type Draft, draftOf } from "../../../components/form/draft.ts";
import { Fields } from "../../../components/form/fields.tsx";
import { OneOf } from "../../../components/page/one-of.tsx";
import { PageHead } from "../../../components/page/page-head.tsx";
import { PageLink, useGo } from "../../../components/page/page-link.tsx";
import { Failure } from "../../../components/page/panel.tsx";
import { useWorkspaceChoices } from "../../../components/form/workspace-choices.ts";
import { withValues } from "../../../components/workload/known-values.ts";
import type { Job } from "../job/job.ts";
import { JobTrial } from "./job-trial.tsx";
import { orderLike } from "./order-like.ts";
import { useJobFields } from "./job-fields.ts";

/** @param like the id of a job, or null */
export function JobOrder({ like }: { like: string | null }) {
  // What is ordered like it has its variables.
  const job = useApi(getTrainingJob(like ?? "", withValues), { enabled: like !== null, isLive: false });
  if (like === null) return <Form job={null} />;
  return <OneOf from={job}>{(loaded) => <Form job={loaded} />}</OneOf>;
}

function Form({ job }: { job: Job | null }) {
  const { t } = useTranslation(["training", "work"]);
  const go = useGo();
  const workspaces = useWorkspaceChoices();
  const { main, more } = useJobFields(workspaces);
  const fields = [...main, ...more];
  const [base] = useState(() => (job === null ? {} : orderLike(job)));
  const [draft, setDraft] = useState<Draft>(() =>
    job === null ? {} : draftOf<NewTrainingJob>(fields, base),
  );
  const order = useAction(orderTrainingJob);
  const { body, unread } = bodyOf<NewTrainingJob>(fields, draft, base);
  const isReadable = Object.keys(unread).length === 0;
  const visible = {
    draft,
    unread,
    error: order.error,
    onChange: (path: string, text: string) => setDraft((before) => ({ ...before, [path]: text })),
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isReadable) return;
    void order.mutateAsync(body).then(
      ({ id, group_id: group }) =>
        go(
          group === null
            ? `/training/${encodeURIComponent(id)}`
            : `/training?group_id=${encodeURIComponent(group)}`,
        ),
      () => {
        // Shown by `error`.
      },
    );
  };
  return (
    <Stack>
      <PageHead title={job === null ? t("order.title") : t("order.like", { name: job.name })} />
      <Paper withBorder p="md" component="form" onSubmit={submit} aria-label={t("order.title")}>
        <Stack>
          <Fields fields={main} {...visible} />
          <details>
            <summary>{t("form.advanced", { ns: "work" })}</summary>
            <Fields fields={more} {...visible} />
          </details>
          {order.error !== null && <Failure why={order.error} isAct />}
          <Group>
            <Button type="submit" loading={order.isPending} disabled={!isReadable}>
              {t("form.submit", { ns: "work" })}
            </Button>
            <PageLink to="/training">{t("form.cancel", { ns: "work" })}</PageLink>
          </Group>
        </Stack>
      </Paper>
      {isReadable && <JobTrial body={body} />}
    </Stack>
  );
}
