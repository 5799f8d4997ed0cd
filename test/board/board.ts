/** The board in Grafana's format, made of the rows; their queries have their names from the metric tables. */
import { METRIC_PREFIX } from "@remotegpu/shared/metrics/metric-family";
import type { Panel, Row } from "./rows/panel.ts";
import { series } from "./rows/panel.ts";
import { CONTROL_PLANE_ROW } from "./rows/control-plane-row.ts";
import { FLEET_ROW } from "./rows/fleet-row.ts";
import { GPU_ROW } from "./rows/gpu-row.ts";
import { MONEY_ROW } from "./rows/money-row.ts";
import { QUEUE_ROW } from "./rows/queue-row.ts";

export const BOARD_FILE = new URL("../../control-plane/monitoring/board.json", import.meta.url);
export const ROWS: readonly Row[] = [FLEET_ROW, QUEUE_ROW, MONEY_ROW, CONTROL_PLANE_ROW, GPU_ROW];

/** Grafana's grid has 24 columns. */
const PANELS_IN_LINE = 3;
const PANEL_WIDTH = 8;
const PANEL_HEIGHT = 7;
const SCHEMA_VERSION = 39;
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

export function boardText(): string {
  return `${JSON.stringify(board(), null, 2)}\n`;
}

function board() {
  return {
    uid: METRIC_PREFIX.replace("_", ""),
    title: "RemoteGPU",
    tags: ["remotegpu"],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    templating: { list: variables() },
    panels: placedPanels(),
  };
}

function variables() {
  const ofHost = series("gpu_info", { host: "$host", model: "$model" });
  return [
    { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
    variable("host", "Host", `label_values(${series("host_heartbeat_age_seconds")}, host)`),
    variable("model", "Model", `label_values(${series("gpus_by_state")}, model)`),
    { ...variable("gpu", "GPU", `label_values(${ofHost}, gpu)`), multi: false, includeAll: false },
  ];
}

function variable(name: string, label: string, query: string) {
  return {
    name,
    label,
    type: "query",
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: ".*",
  };
}

/** Each row's title, and below it its panels in lines. */
function placedPanels() {
  let y = 0;
  let id = 0;
  return ROWS.flatMap(({ title, panels }) => {
    const heading = {
      id: (id += 1),
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: PANELS_IN_LINE * PANEL_WIDTH, h: 1 },
      panels: [],
    };
    const top = y + 1;
    y = top + Math.ceil(panels.length / PANELS_IN_LINE) * PANEL_HEIGHT;
    const placed = panels.map((panel, index) => {
      const [x, line] = [(index % PANELS_IN_LINE) * PANEL_WIDTH, Math.floor(index / PANELS_IN_LINE)];
      const gridPos = { x, y: top + line * PANEL_HEIGHT, w: PANEL_WIDTH, h: PANEL_HEIGHT };
      return { id: (id += 1), gridPos, ...panelOf(panel) };
    });
    return [heading, ...placed];
  });
}

function panelOf({ title, description, unit, kind, queries }: Panel) {
  return {
    type: kind,
    title,
    ...(description !== undefined && { description }),
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit }, overrides: [] },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint("A".charCodeAt(0) + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      instant: kind === "stat",
      range: kind !== "stat",
    })),
  };
}
