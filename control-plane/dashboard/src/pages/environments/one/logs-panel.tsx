/** What it writes: its container, or a service that its container's first process began. */
import { getEnvironmentLogs } from "@remotegpu/control-plane/client/generated/api";
import { NativeSelect } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFilters } from "../../../components/filters.ts";
import { Panel } from "../../../components/page/panel.tsx";
import { LogView } from "../../../components/logs/log-view.tsx";
import type { Environment } from "./environment.ts";

const SERVICES = ["jupyter", "tensorboard", "rdp"] as const;

export function LogsPanel({ environment }: { environment: Environment }) {
  const { t } = useTranslation(["environments", "workload"]);
  const [{ output }, setFilters] = useFilters(["output"]);
  const service = SERVICES.find((one) => one === output);
  const { id, status, container_id: containerId } = environment;
  const switched = SERVICES.filter((one) => environment[`${one}_enabled`]);
  return (
    <Panel
      title={t("workload:log.title")}
      actions={
        switched.length > 0 && (
          <NativeSelect
            size="xs"
            aria-label={t("logs.of")}
            value={service ?? ""}
            onChange={(event) => setFilters({ output: event.currentTarget.value })}
            data={[
              { value: "", label: t("logs.container") },
              ...switched.map((one) => ({ value: one, label: t(`service.${one}`) })),
            ]}
          />
        )
      }
    >
      <LogView
        request={(lines) => getEnvironmentLogs(id, { ...lines, service })}
        // Another container, or the end of one, has something new to read.
        again={`${status} ${containerId ?? ""}`}
        title={t("workload:log.title")}
        fileName={`${id}${service === undefined ? "" : `-${service}`}.log`}
      />
    </Panel>
  );
}
