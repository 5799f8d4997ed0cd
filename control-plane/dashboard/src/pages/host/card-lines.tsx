/** How busy, full and warm a card was, and what it drew. */
import { getGpuHistory } from "@remotegpu/control-plane/client/generated/api";
import type { Gpu, GpuHistory } from "@remotegpu/control-plane/client/generated/api.schemas";
import { SimpleGrid, Text } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { serverNow } from "../../api/server-clock.ts";
import { useApi } from "../../api/use-api.ts";
import { Chart } from "../../components/charts/chart.tsx";
import { Choice } from "../../components/choice.tsx";
import { useFilters } from "../../components/filters.ts";
import { Panel } from "../../components/page/panel.tsx";
import { useTick } from "../../components/text/use-tick.ts";

const HOUR_MS = 3_600_000;
const PERIODS = { hour: HOUR_MS, day: 24 * HOUR_MS, month: 30 * 24 * HOUR_MS } as const;
type Period = keyof typeof PERIODS;
/** What is not over is not told; asked again so often there is something new. */
const STEP_MS = 300_000;
const LINES = [
  { key: "use", of: "utilization", unit: "%", range: [0, 100] },
  { key: "memory", of: "memory_used", unit: "MiB", range: undefined },
  { key: "heat", of: "temperature", unit: "°C", range: undefined },
  { key: "power", of: "power", unit: "W", range: undefined },
] as const;

export function CardLines({ card }: { card: Gpu }) {
  const { t } = useTranslation("host");
  const [filters, setFilters] = useFilters(["period"]);
  useTick();
  const period: Period = filters.period in PERIODS ? (filters.period as Period) : "day";
  const toMs = Math.floor(serverNow() / STEP_MS) * STEP_MS;
  const query = { from: new Date(toMs - PERIODS[period]).toISOString(), to: new Date(toMs).toISOString() };
  const history = useApi(getGpuHistory(card.uuid ?? "", query), {
    isLive: false,
  });
  return (
    <Panel<GpuHistory>
      title={t("lines.title", { card: `GPU ${card.gpu_index}` })}
      definition={t("lines.definition")}
      from={history}
      actions={
        <Choice
          label={t("lines.period")}
          value={period}
          onChange={(value) => setFilters({ period: value })}
          data={(Object.keys(PERIODS) as Period[]).map((value) => ({ value, label: t(`lines.${value}`) }))}
        />
      }
    >
      {(data) => <Lines history={data} />}
    </Panel>
  );
}

function Lines({ history }: { history: GpuHistory }) {
  const { t } = useTranslation("host");
  const points = useMemo(() => history.series[0]?.points ?? [], [history]);
  const times = useMemo(() => points.map(({ at }) => Date.parse(at) / 1_000), [points]);
  const charts = useMemo(
    () => LINES.map((line) => ({ ...line, values: points.map((point) => point[line.of]?.mean ?? null) })),
    [points],
  );
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      {charts.map(({ key, unit, range, values }, index) => (
        <div key={key}>
          <Text size="sm" fw={500}>
            {t(`lines.${key}`)} ({unit})
          </Text>
          <LineChart
            title={t(`lines.${key}`)}
            times={times}
            values={values}
            unit={unit}
            range={range}
            colour={index}
          />
        </div>
      ))}
    </SimpleGrid>
  );
}

interface LineChartOf {
  title: string;
  times: readonly number[];
  values: readonly (number | null)[];
  unit: string;
  range: readonly [number, number] | undefined;
  colour: number;
}

function LineChart({ title, times, values, unit, range, colour }: LineChartOf) {
  const lines = useMemo(() => [{ label: title, values, colour }], [title, values, colour]);
  return <Chart title={title} times={times} lines={lines} unit={unit} range={range} />;
}
