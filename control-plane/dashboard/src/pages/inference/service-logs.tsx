/** What a replica writes. */
import { getInferenceServiceLogs } from "@remotegpu/control-plane/client/generated/api";
import { NativeSelect, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFilters } from "../../components/filters.ts";
import { Panel } from "../../components/page/panel.tsx";
import { LogView } from "../../components/logs/log-view.tsx";
import type { Service } from "./service.ts";

export function ServiceLogs({ service: { id, instances } }: { service: Service }) {
  const { t } = useTranslation("inference");
  const [{ logs }, setFilters] = useFilters(["logs"]);
  const visible = instances.find(({ rank }) => String(rank) === logs) ?? instances[0];
  if (visible === undefined) return null;
  return (
    <Panel title={t("logs.title")}>
      <Stack gap="xs">
        {instances.length > 1 && (
          <NativeSelect
            label={t("logs.replica")}
            value={String(visible.rank)}
            onChange={({ currentTarget: { value } }) => setFilters({ logs: value })}
            data={instances.map(({ rank }) => ({ value: String(rank), label: String(rank) }))}
          />
        )}
        <LogView
          key={visible.rank}
          request={(lines) => getInferenceServiceLogs(id, { ...lines, rank: visible.rank })}
          again={`${visible.run_id} ${visible.state}`}
          title={t("logs.ofReplica", { rank: visible.rank })}
          fileName={`${id}-${visible.rank}.log`}
        />
      </Stack>
    </Panel>
  );
}
