/** Lines over time, drawn by a library that comes when the first chart is shown. A gap stays a gap. */
import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";

export interface Line {
  label: string;
  values: readonly (number | null)[];
  /** Of ours: the nth of the line colours. */
  colour?: number;
}

export interface ChartOf {
  title: string;
  /** Seconds since 1970, growing. */
  times: readonly number[];
  lines: readonly Line[];
  /** "%", "MiB", "W" … */
  unit: string;
  /** Fixed ends of the scale, else those of the values. */
  range?: readonly [number, number];
  height?: number;
}

const Drawn = lazy(() => import("./drawn-chart.tsx"));

export function Chart(chart: ChartOf) {
  const { t } = useTranslation("parts");
  const height = chart.height ?? 160;
  return (
    <Suspense fallback={<Skeleton height={height} role="status" aria-label={t("loading")} />}>
      <Drawn {...chart} height={height} />
    </Suspense>
  );
}
