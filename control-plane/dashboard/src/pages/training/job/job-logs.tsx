/** What a rank of a job writes. */
import { getTrainingJobLogs } from "@remotegpu/control-plane/client/generated/api";
import { NativeSelect, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFilters } from "../../../components/filters.ts";
import { Panel } from "../../../components/page/panel.tsx";
import { LogView } from "../../../components/logs/log-view.tsx";
import type { Job } from "./job.ts";

export function JobLogs({ job: { id, instances } }: { job: Job }) {
  const { t } = useTranslation("training");
  const [{ logs }, setFilters] = useFilters(["logs"]);
  const visible = instances.find(({ rank }) => String(rank) === logs) ?? instances[0];
  if (visible === undefined) return null;
  const title = t("logs.ofRank", { rank: visible.rank });
  return (
    <Panel title={t("logs.title")}>
      <Stack gap="xs">
        {instances.length > 1 && (
          <NativeSelect
            label={t("output.rank")}
            value={String(visible.rank)}
            onChange={({ currentTarget: { value } }) => setFilters({ logs: value })}
            data={instances.map(({ rank }) => ({
              value: String(rank),
              label: t("lanes.rank", { rank }),
            }))}
          />
        )}
        <LogView
          key={visible.rank}
          request={(lines) => getTrainingJobLogs(id, { ...lines, rank: visible.rank })}
          again={`${visible.run_id} ${visible.state}`}
          title={title}
          fileName={`${id}-${visible.rank}.log`}
        />
      </Stack>
    </Panel>
  );
}
