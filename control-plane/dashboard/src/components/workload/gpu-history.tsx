/** What a workload made of its cards, of ended runs too, for the time for which it held them. */
import type { GpuHistory } from "@remotegpu/control-plane/client/generated/api.schemas";
import { SegmentedControl, Stack, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { serverNow } from "../../api/server-clock.ts";
import { useApi } from "../../api/use-api.ts";
import { Chart, type Line } from "../charts/chart.tsx";
import { useFilters } from "../filters.ts";
import { Panel } from "../page/panel.tsx";
import { type WorkloadRef, WORKLOADS } from "./workload.ts";

const HOURS = { day: 24, threeDays: 72, month: 30 * 24 } as const;
type Stretch = keyof typeof HOURS;
const MS_PER_HOUR = 3_600_000;
/** A sample is of five minutes, and much is told at once. */
const SAMPLE_SOON_MS = 60_000;
/** More lines cannot be told apart. */
const MAX_LINES = 6;
const PERCENT = [0, 100] as const;

type Metric = "utilization" | "memory_used" | "temperature" | "power";
const UNITS: Readonly<Record<Metric, string>> = {
  utilization: "%",
  memory_used: "MiB",
  temperature: "°C",
  power: "W",
};

export function GpuHistoryPanel({ workload }: { workload: WorkloadRef }) {
  const { t } = useTranslation("workload");
  const [filters, setFilters] = useFilters(["history"]);
  const stretch: Stretch = filters.history in HOURS ? (filters.history as Stretch) : "day";
  // By the time of opening: a question that changes each second would never be answered from what is kept.
  const [openedMs] = useState(() => serverNow());
  const from = new Date(openedMs - HOURS[stretch] * MS_PER_HOUR).toISOString();
  const history = useApi(WORKLOADS[workload.kind].history(workload.id, { from }), {
    topics: workload.topics,
    isMoving: true,
    everyMs: SAMPLE_SOON_MS,
  });
  return (
    <Panel
      title={t("history.title")}
      definition={t("history.definition")}
      from={history}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t("history.stretch")}
          value={stretch}
          onChange={(value) => setFilters({ history: value === "day" ? "" : value })}
          data={(Object.keys(HOURS) as Stretch[]).map((value) => ({ value, label: t(`history.${value}`) }))}
        />
      }
      isEmpty={({ series }) => series.every(({ points }) => points.length === 0)}
      empty={t("history.empty")}
    >
      {(loaded) => <Charts history={loaded} />}
    </Panel>
  );
}

function Charts({ history }: { history: GpuHistory }) {
  const { t } = useTranslation("workload");
  const left = Math.max(0, history.series.length - MAX_LINES);
  return (
    <Stack>
      {(Object.keys(UNITS) as Metric[]).map((metric) => (
        <MetricChart key={metric} history={history} metric={metric} />
      ))}
      {left > 0 && (
        <Text size="sm" c="dimmed">
          {t("history.leftOut", { count: left })}
        </Text>
      )}
    </Stack>
  );
}

function MetricChart({ history, metric }: { history: GpuHistory; metric: Metric }) {
  const { t } = useTranslation("workload");
  const { times, lines } = useMemo(() => drawnOf(history, metric), [history, metric]);
  return (
    <div>
      <Text size="sm" fw={500}>
        {t(`history.${metric}`)}
      </Text>
      <Chart
        title={t(`history.${metric}`)}
        times={times}
        lines={lines}
        unit={UNITS[metric]}
        {...(metric === "utilization" && { range: PERCENT })}
      />
    </div>
  );
}

function drawnOf({ series }: GpuHistory, metric: Metric): { times: number[]; lines: Line[] } {
  const visible = series.slice(0, MAX_LINES);
  const times = [...new Set(visible.flatMap(({ points }) => points.map(({ at }) => Date.parse(at) / 1_000)))];
  times.sort((a, b) => a - b);
  const places = new Map(times.map((time, index) => [time, index]));
  const lines = visible.map(({ uuid, rank, points }, index) => {
    const values: (number | null)[] = times.map(() => null);
    for (const point of points) {
      const place = places.get(Date.parse(point.at) / 1_000);
      if (place !== undefined) values[place] = point[metric]?.mean ?? null;
    }
    return { label: rank === null ? uuid : `${rank}: ${uuid}`, values, colour: index };
  });
  return { times, lines };
}
