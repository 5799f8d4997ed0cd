/** The map: only the rows that are looked at are drawn, and of all that takes the focus one is a stop of Tab. */
import { Badge, Button, Text } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type FocusEvent, type KeyboardEvent, memo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { serverNow } from "../../../api/server-clock.ts";
import { AgeText } from "../../../components/text/age-text.tsx";
import { NameText } from "../../../components/text/name-text.tsx";
import { PageLink } from "../../../components/page/page-link.tsx";
import { StatusBadge } from "../../../components/status-badge.tsx";
import { useTick } from "../../../components/text/use-tick.ts";
import "./fleet.css";
import { FleetCell } from "./fleet-cell.tsx";
import type { MapHost, MapRow } from "./map-rows.ts";
import {
  firstStop,
  hasStop,
  type MapStop,
  placeOf,
  type RowStop,
  stopByKey,
  stopOfPlace,
} from "./map-stops.ts";

const ROW_PX = 40;
const AHEAD = 8;
/** Samples grow old; so finely is it looked at. */
const AGE_STEP_MS = 5_000;

interface GridOf {
  rows: readonly MapRow[];
  freeGb: number | null;
  onCard: (host: string, index: number) => void;
  onHost: (host: string) => void;
}

export function FleetGrid({ rows, freeGb, onCard, onHost }: GridOf) {
  const { t } = useTranslation("fleet");
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<MapStop | null>(null);
  useTick();
  const nowMs = Math.floor(serverNow() / AGE_STEP_MS) * AGE_STEP_MS;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: AHEAD,
    getItemKey: (index) => keyOfRow(rows[index]),
  });
  const drawn = virtual.getVirtualItems().flatMap(({ index }) => rows[index] ?? []);
  // What is scrolled away, or no more, is not there to be reached.
  const stop = active !== null && hasStop(drawn, active) ? active : firstStop(drawn);
  const follow = (event: FocusEvent) => {
    const focused = stopAt(event.target);
    if (focused !== null) setActive(focused);
  };
  const move = (event: KeyboardEvent) => {
    const from = stopAt(event.target);
    const next = from === null ? undefined : stopByKey(rows, from, event.key);
    if (next === undefined) return;
    event.preventDefault();
    if (next === null) return;
    setActive(next.to);
    virtual.scrollToIndex(next.row);
    // At once where it is drawn, since the next key may follow at once; else when it is.
    const place = `[data-place="${CSS.escape(placeOf(next.to))}"]`;
    const element = () => scroller.current?.querySelector<HTMLElement>(place) ?? null;
    const here = element();
    if (here === null) requestAnimationFrame(() => element()?.focus());
    else here.focus();
  };
  return (
    <div
      ref={scroller}
      className="fleet-map"
      role="grid"
      aria-label={t("map.title")}
      aria-rowcount={rows.length}
      tabIndex={stop === null ? 0 : -1}
      onFocus={follow}
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
                  stop={row.host.id === stop?.host ? stop.stop : null}
                  onCard={onCard}
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
  /** What of this row Tab comes to; null where that is in another. */
  stop: RowStop | null;
  onCard: (host: string, index: number) => void;
  onHost: (host: string) => void;
}

interface HostHeadOf {
  id: string;
  name: string;
  stop: RowStop | null;
  onHost: (host: string) => void;
}

const HostRow = memo(function HostRow({ host, nowMs, freeGb, stop, onCard, onHost }: HostRowOf) {
  const { t } = useTranslation("fleet");
  const { id, host_name: name, connection, cordoned, gpus } = host;
  return (
    <>
      <HostHead id={id} name={name} stop={stop} onHost={onHost} />
      <div role="presentation" className="fleet-cells">
        {gpus.map((card, index) => (
          <FleetCell
            key={placeOf({ host: id, stop: index })}
            card={card}
            name={
              card.gpu_index === null
                ? t("card.gone", { host: name })
                : t("card.title", { index: card.gpu_index, host: name })
            }
            nowMs={nowMs}
            freeGb={freeGb}
            isStop={index === stop}
            host={id}
            index={index}
            onOpen={onCard}
          />
        ))}
        {gpus.length === 0 && (
          <Text role="gridcell" size="sm" c="dimmed">
            {t("map.noCards")}
          </Text>
        )}
      </div>
      <div role="gridcell">
        {connection !== "connected" && (
          <>
            <StatusBadge status={connection} />{" "}
            <AgeText
              at={host.last_heartbeat_at}
              inGrid={{ place: placeOf({ host: id, stop: "age" }), isStop: stop === "age" }}
            />
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
const HostHead = memo(function HostHead({ id, name, stop, onHost }: HostHeadOf) {
  const { t } = useTranslation("fleet");
  return (
    <div role="rowheader" className="fleet-host" data-host={id}>
      <PageLink to={`/hosts/${encodeURIComponent(id)}`} truncate title={name} {...tabOf(id, "name", stop)}>
        {name}
      </PageLink>
      <Button
        size="compact-xs"
        variant="default"
        aria-label={t("map.acts", { host: name })}
        onClick={() => onHost(id)}
        {...tabOf(id, "actions", stop)}
      >
        ⋯
      </Button>
    </div>
  );
});

/** What makes an element of a row a stop of the map. */
function tabOf(host: string, own: RowStop, stop: RowStop | null) {
  return { "data-place": placeOf({ host, stop: own }), tabIndex: own === stop ? 0 : -1 };
}

function stopAt(target: EventTarget): MapStop | null {
  return target instanceof HTMLElement ? stopOfPlace(target.dataset["place"]) : null;
}

function keyOfRow(row: MapRow | undefined): string {
  if (row === undefined) return "";
  return row.kind === "host" ? row.host.id : `group ${row.name}`;
}
