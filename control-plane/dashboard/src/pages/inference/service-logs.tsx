/** What a replica writes. */
import { NativeSelect, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFilters } from "../../parts/filters.ts";
import { Panel } from "../../parts/panel.tsx";
import { LogView } from "../../parts/workload/log-view.tsx";
import type { Service } from "./service.ts";

export function ServiceLogs({ service: { id, instances } }: { service: Service }) {
  const { t } = useTranslation("inference");
  const [{ logs }, setFilters] = useFilters(["logs"]);
  const shown = instances.find(({ rank }) => String(rank) === logs) ?? instances[0];
  if (shown === undefined) return null;
  return (
    <Panel title={t("logs.title")}>
      <Stack gap="xs">
        {instances.length > 1 && (
          <NativeSelect
            label={t("logs.replica")}
            value={String(shown.rank)}
            onChange={({ currentTarget: { value } }) => setFilters({ logs: value })}
            data={instances.map(({ rank }) => ({ value: String(rank), label: String(rank) }))}
          />
        )}
        <LogView
          key={shown.rank}
          path={`/inference-services/${encodeURIComponent(id)}/logs`}
          query={{ rank: shown.rank }}
          again={`${shown.run_id} ${shown.state}`}
          title={t("logs.ofReplica", { rank: shown.rank })}
          fileName={`${id}-${shown.rank}.log`}
        />
      </Stack>
    </Panel>
  );
}
