/** What a rank of a job writes. */
import { NativeSelect, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFilters } from "../../parts/filters.ts";
import { Panel } from "../../parts/panel.tsx";
import { LogView } from "../../parts/workload/log-view.tsx";
import type { Job } from "./job.ts";

export function JobLogs({ job: { id, instances } }: { job: Job }) {
  const { t } = useTranslation("training");
  const [{ logs }, setFilters] = useFilters(["logs"]);
  const shown = instances.find(({ rank }) => String(rank) === logs) ?? instances[0];
  if (shown === undefined) return null;
  const title = t("logs.ofRank", { rank: shown.rank });
  return (
    <Panel title={t("logs.title")}>
      <Stack gap="xs">
        {instances.length > 1 && (
          <NativeSelect
            label={t("output.rank")}
            value={String(shown.rank)}
            onChange={({ currentTarget: { value } }) => setFilters({ logs: value })}
            data={instances.map(({ rank }) => ({
              value: String(rank),
              label: t("lanes.rank", { rank }),
            }))}
          />
        )}
        <LogView
          key={shown.rank}
          path={`/training-jobs/${encodeURIComponent(id)}/logs`}
          query={{ rank: shown.rank }}
          again={`${shown.run_id} ${shown.state}`}
          title={title}
          fileName={`${id}-${shown.rank}.log`}
        />
      </Stack>
    </Panel>
  );
}
