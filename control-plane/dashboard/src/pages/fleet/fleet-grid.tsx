/** The map: only the rows that are looked at are drawn, and one cell of them all is reached by the tab key. */
import { Badge, Button, Text } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, useCallback, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { serverNow } from "../../api/server-clock.ts";
import { AgeText } from "../../components/age-text.tsx";
import { NameText } from "../../components/name-text.tsx";
import { PageLink } from "../../components/page-link.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { useTick } from "../../components/use-tick.ts";
import "./fleet.css";
import { FleetCell } from "./fleet-cell.tsx";
import type { MapHost, MapRow } from "./map-rows.ts";

const ROW_PX = 40;
const AHEAD = 8;
/** Samples grow old; so finely is it looked at. */
const AGE_STEP_MS = 5_000;
const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
};

interface GridOf {
  rows: readonly MapRow[];
  freeGb: number | null;
  onCard: (host: string, index: number) => void;
  onHost: (host: string) => void;
}

export function FleetGrid({ rows, freeGb, onCard, onHost }: GridOf) {
  const { t } = useTranslation("fleet");
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string | null>(null);
  useTick();
  const nowMs = Math.floor(serverNow() / AGE_STEP_MS) * AGE_STEP_MS;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: AHEAD,
    getItemKey: (index) => keyOfRow(rows[index]),
  });
  const open = useCallback(
    (place: string) => {
      const { host, index } = partsOf(place);
      setActive(place);
      onCard(host, index);
    },
    [onCard],
  );
  const first = active ?? firstPlace(rows);
  const move = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (
      step === undefined ||
      !(event.target instanceof HTMLElement) ||
      event.target.dataset["place"] === undefined
    )
      return;
    event.preventDefault();
    const next = neighbour(rows, event.target.dataset["place"], step);
    if (next === null) return;
    setActive(next.place);
    virtual.scrollToIndex(next.row);
    // At once where it is drawn, since the next key may follow at once; else when it is.
    const cell = () =>
      scroller.current?.querySelector<HTMLElement>(`[data-place="${CSS.escape(next.place)}"]`);
    const drawn = cell();
    if (drawn === null || drawn === undefined) requestAnimationFrame(() => cell()?.focus());
    else drawn.focus();
  };
  return (
    <div
      ref={scroller}
      className="fleet-map"
      role="grid"
      aria-label={t("map.title")}
      aria-rowcount={rows.length}
      tabIndex={first === null ? 0 : -1}
      onKeyDown={move}
    >
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map(({ index, start, key }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <div
              key={key}
              data-index={index}
              ref={virtual.measureElement}
              role="row"
              aria-rowindex={index + 1}
              className="fleet-row"
              style={{ transform: `translateY(${start}px)` }}
            >
              {row.kind === "group" ? (
                <div role="rowheader" className="fleet-group">
                  <NameText>{row.name === "" ? t("map.unlabelled") : row.name}</NameText> (
                  {row.here === row.hosts ? row.hosts : t("map.partOfGroup", row)})
                </div>
              ) : (
                <HostRow
                  host={row.host}
                  nowMs={nowMs}
                  freeGb={freeGb}
                  first={first}
                  onOpen={open}
                  onHost={onHost}
                />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface HostRowOf {
  host: MapHost;
  nowMs: number;
  freeGb: number | null;
  first: string | null;
  onOpen: (place: string) => void;
  onHost: (host: string) => void;
}

interface HostHeadOf {
  id: string;
  name: string;
  onHost: (host: string) => void;
}

const HostRow = memo(function HostRow({ host, nowMs, freeGb, first, onOpen, onHost }: HostRowOf) {
  const { t } = useTranslation("fleet");
  const { id, host_name: name, connection, cordoned, gpus } = host;
  return (
    <>
      <HostHead id={id} name={name} onHost={onHost} />
      <div role="presentation" className="fleet-cells">
        {gpus.map((card, index) => {
          const place = placeOf(id, index);
          return (
            <FleetCell
              key={place}
              card={card}
              name={
                card.gpu_index === null
                  ? t("card.gone", { host: name })
                  : t("card.title", { index: card.gpu_index, host: name })
              }
              nowMs={nowMs}
              freeGb={freeGb}
              isFirst={place === first}
              place={place}
              onOpen={onOpen}
            />
          );
        })}
        {gpus.length === 0 && (
          <Text role="gridcell" size="sm" c="dimmed">
            {t("map.noCards")}
          </Text>
        )}
      </div>
      <div role="gridcell">
        {connection !== "connected" && (
          <>
            <StatusBadge status={connection} /> <AgeText at={host.last_heartbeat_at} />
          </>
        )}
        {cordoned && (
          <Badge color="orange" variant="outline" autoContrast tt="none" c="var(--mantine-color-text)">
            {t("map.cordoned")}
          </Badge>
        )}
      </div>
    </>
  );
});

/** Which no reading changes. */
const HostHead = memo(function HostHead({ id, name, onHost }: HostHeadOf) {
  const { t } = useTranslation("fleet");
  return (
    <div role="rowheader" className="fleet-host" data-host={id}>
      <PageLink to={`/hosts/${encodeURIComponent(id)}`} truncate title={name}>
        {name}
      </PageLink>
      <Button
        size="compact-xs"
        variant="default"
        aria-label={t("map.acts", { host: name })}
        onClick={() => onHost(id)}
      >
        ⋯
      </Button>
    </div>
  );
});

const placeOf = (host: string, index: number) => `${host}#${index}`;

function partsOf(place: string): { host: string; index: number } {
  const at = place.lastIndexOf("#");
  return { host: place.slice(0, at), index: Number(place.slice(at + 1)) };
}

function keyOfRow(row: MapRow | undefined): string {
  if (row === undefined) return "";
  return row.kind === "host" ? row.host.id : `group ${row.name}`;
}

function firstPlace(rows: readonly MapRow[]): string | null {
  for (const row of rows) if (row.kind === "host" && row.host.gpus.length > 0) return placeOf(row.host.id, 0);
  return null;
}

/** The cell beside it, over rows without cells. */
function neighbour(
  rows: readonly MapRow[],
  place: string,
  [down, right]: readonly [number, number],
): { row: number; place: string } | null {
  const { host, index } = partsOf(place);
  let row = rows.findIndex((one) => one.kind === "host" && one.host.id === host);
  let column = index + right;
  for (row += down; row >= 0 && row < rows.length; row += down) {
    const here = rows[row];
    const count = here?.kind === "host" ? here.host.gpus.length : 0;
    if (here?.kind === "host" && count > 0 && column >= 0 && (down !== 0 || column < count)) {
      column = Math.min(column, count - 1);
      return { row, place: placeOf(here.host.id, column) };
    }
    if (down === 0) return null;
  }
  return null;
}
