/** What can be done with a job as it stands. */
import { Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useGo, PageLink } from "../../components/page-link.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import type { Job } from "./job.ts";

const ENDED = ["completed", "failed", "cancelled"];

export function JobActions({ job }: { job: Job }) {
  const { t } = useTranslation("training");
  const go = useGo();
  const path = `/training-jobs/${encodeURIComponent(job.id)}`;
  const hasEnded = ENDED.includes(job.status);
  const cancelling = {
    title: t("acts.cancelTitle", { name: job.name }),
    keep: t("acts.keep"),
    stops: [t("acts.cancelStops", { count: job.instances.length })],
    keeps: [t("acts.keptOutput")],
    charged: [t("acts.cancelCharged"), t("acts.storageCharged")],
  };
  const removing = {
    title: t("acts.deleteTitle", { name: job.name }),
    stops: hasEnded ? [] : [t("acts.cancelStops", { count: job.instances.length })],
    keeps: [t("acts.keptBill")],
    charged: [t("acts.deletedCharged")],
  };
  return (
    <Group gap="xs">
      {job.awaits_confirmation && (
        <ActionButton label={t("acts.confirm")} method="POST" path={`${path}/confirm`} />
      )}
      {!hasEnded && (
        <ActionButton
          label={t("acts.cancel")}
          method="POST"
          path={`${path}/cancel`}
          consequences={cancelling}
        />
      )}
      {hasEnded && <ActionButton label={t("acts.retry")} method="POST" path={`${path}/retry`} />}
      <PageLink to={`/training?order=${encodeURIComponent(job.id)}`}>{t("acts.clone")}</PageLink>
      <ActionButton
        label={t("acts.delete")}
        method="DELETE"
        path={path}
        consequences={removing}
        onDone={() => go("/training")}
      />
    </Group>
  );
}
