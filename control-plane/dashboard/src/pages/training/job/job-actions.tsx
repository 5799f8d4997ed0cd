/** What can be done with a job as it stands. */
import {
  cancelTrainingJob,
  confirmTrainingJob,
  deleteTrainingJob,
  retryTrainingJob,
} from "@remotegpu/control-plane/client/generated/api";
import { Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useGo, PageLink } from "../../../components/page/page-link.tsx";
import { ActionButton } from "../../../components/workload/action-button.tsx";
import type { Job } from "./job.ts";

const ENDED = ["completed", "failed", "cancelled"];

export function JobActions({ job }: { job: Job }) {
  const { t } = useTranslation("training");
  const go = useGo();
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
        <ActionButton label={t("acts.confirm")} request={confirmTrainingJob(job.id)} />
      )}
      {!hasEnded && (
        <ActionButton
          label={t("acts.cancel")}
          request={cancelTrainingJob(job.id)}
          consequences={cancelling}
        />
      )}
      {hasEnded && <ActionButton label={t("acts.retry")} request={retryTrainingJob(job.id)} />}
      <PageLink to={`/training?order=${encodeURIComponent(job.id)}`}>{t("acts.clone")}</PageLink>
      <ActionButton
        label={t("acts.delete")}
        request={deleteTrainingJob(job.id)}
        consequences={removing}
        onDone={() => go("/training")}
      />
    </Group>
  );
}
