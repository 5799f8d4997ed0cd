/** The chart itself; only `chart.tsx` loads it, with its library. */
import { Text, useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { ChartOf } from "./chart.tsx";

const COLOURS = ["#1c7ed6", "#e8590c", "#2b8a3e", "#9c36b5", "#c2255c", "#0b7285"];

/** Of the axis: as wide as its longest mark in the chart's letters, and never so narrow that charts below each other differ. */
const LEAST_AXIS_PX = 60;
const LETTER_PX = 7;
const BESIDE_MARKS_PX = 24;

function widthOf(marks: readonly string[]): number {
  return Math.max(LEAST_AXIS_PX, ...marks.map((mark) => BESIDE_MARKS_PX + mark.length * LETTER_PX));
}

export default function DrawnChart({ title, times, lines, unit, range, height = 160 }: ChartOf) {
  const { t, i18n } = useTranslation("parts");
  const { ref, width } = useElementSize();
  const [target, setTarget] = useState<HTMLElement | null>(null);
  const isDark = useComputedColorScheme("light") === "dark";
  useEffect(() => {
    if (target === null || width === 0 || times.length === 0) return undefined;
    const ink = isDark ? "#ced4da" : "#495057";
    const grid = { stroke: isDark ? "#373a40" : "#e9ecef", width: 1 };
    const plot = new UPlot(
      {
        width,
        height,
        cursor: { drag: { x: false, y: false } },
        scales: { x: { time: true }, y: range === undefined ? {} : { range: [range[0], range[1]] } },
        axes: [
          { stroke: ink, grid, ticks: grid },
          {
            stroke: ink,
            grid,
            ticks: grid,
            size: (_, marks) => widthOf(marks ?? []),
            values: (_, marks) => marks.map((mark) => `${mark} ${unit}`),
          },
        ],
        series: [
          { value: (_, at) => (at === null ? "" : new Date(at * 1_000).toLocaleString(i18n.language)) },
          ...lines.map(({ label, colour }, index) => ({
            label,
            stroke: COLOURS[(colour ?? index) % COLOURS.length] ?? ink,
            width: 1.5,
            spanGaps: false,
            // Where nothing is pointed at, there is no moment of which something could be told.
            value: (_: UPlot, value: number | null, __: number, at: number | null) =>
              value !== null ? `${value} ${unit}` : at === null ? "" : t("notReported"),
          })),
        ],
      },
      [[...times], ...lines.map(({ values }) => [...values])],
      target,
    );
    return () => plot.destroy();
  }, [target, width, height, times, lines, unit, range, isDark, i18n.language, t]);
  if (times.length === 0)
    return (
      <Text c="dimmed" data-no-samples>
        {t("chart.none")}
      </Text>
    );
  return (
    // What is drawn is as wide as the window was, and must not keep it so.
    <div ref={ref} style={{ minWidth: 0, overflow: "hidden" }}>
      <div ref={setTarget} role="img" aria-label={t("chart.label", { what: title })} />
    </div>
  );
}
