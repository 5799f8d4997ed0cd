/** The fleet at a glance: six figures, and a map with one row for each host and one cell for each card. */
import { listFleetMap } from "@remotegpu/control-plane/client/generated/api";
import type { FleetMap } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Modal, Stack, Text } from "@mantine/core";
import { useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { NameText } from "../../components/text/name-text.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { CardDialog } from "./card-dialog.tsx";
import { FleetGrid } from "./map/fleet-grid.tsx";
import { FleetTiles } from "./fleet-tiles.tsx";
import { HostActions } from "./host-actions.tsx";
import { KEYS_APART, MapFilters, useMapFilters } from "./map/map-filters.tsx";
import { MapPages } from "./map/map-pages.tsx";
import { holdersOf, mapRows } from "./map/map-rows.ts";
import { useLiveMap } from "./map/use-live-map.ts";

const TOPICS = ["fleet", "gpu", "queue", "alarms"] as const;
const SIGNS = ["fill", "bar", "corner", "letter", "hatch", "dashed", "grey", "vanished"] as const;

export default function FleetPage() {
  const { t } = useTranslation("fleet");
  const { query, cursor } = useMapFilters();
  // The line, what is not ingested and what was earned go on without a word, and so does the age of readings that stand still.
  const map = useApi(listFleetMap(query), { topics: TOPICS, isMoving: true });
  const data = useLiveMap(map.data);
  // While the next page is asked for, the one before is what is shown.
  const [visiblePage, setVisiblePage] = useState(cursor);
  if (!map.isPlaceholderData && visiblePage !== cursor) setVisiblePage(cursor);
  return (
    <>
      <PageHead title={t("title")} />
      {data !== undefined && <FleetTiles at={data.at} totals={data.totals} />}
      <Panel title={t("map.title")} definition={t("map.definition")} from={{ ...map, data }}>
        {(visible) => <FleetMapContent map={visible} page={visiblePage} />}
      </Panel>
    </>
  );
}

interface ContentOf {
  map: FleetMap;
  /** Another begins at its top. */
  page: string;
}

function FleetMapContent({ map, page }: ContentOf) {
  const { t } = useTranslation("fleet");
  const { t: parts } = useTranslation("parts");
  const [chosen, setChosen] = useState<{ host: string; card: number | null } | null>(null);
  const { freeGb, isNarrowed } = useMapFilters();
  const { hosts, groups, hosts_found: found } = map;
  const rows = useMemo(() => mapRows({ hosts, groups }), [hosts, groups]);
  const openCard = useCallback((host: string, card: number) => setChosen({ host, card }), []);
  const openHost = useCallback((host: string) => setChosen({ host, card: null }), []);
  const close = useCallback(() => setChosen(null), []);
  const host = map.hosts.find(({ id }) => id === chosen?.host);
  const card = chosen?.card === null || chosen === null ? undefined : host?.gpus[chosen.card];
  if (found === 0 && !isNarrowed) return <Text c="dimmed">{t("map.empty")}</Text>;
  return (
    <Stack gap="sm">
      <MapFilters keys={map.label_keys.join(KEYS_APART)} />
      <MapPages map={map} />
      {rows.length === 0 ? (
        <Text c="dimmed">{t(found === 0 ? "map.none" : "map.beyond")}</Text>
      ) : (
        <FleetGrid key={page} rows={rows} freeGb={freeGb} onCard={openCard} onHost={openHost} />
      )}
      <details>
        <summary>{t("legend.title")}</summary>
        <ul>
          {SIGNS.map((sign) => (
            <li key={sign}>{t(`legend.${sign}`)}</li>
          ))}
        </ul>
      </details>
      {host !== undefined && card !== undefined && <CardDialog host={host} card={card} onClose={close} />}
      {host !== undefined && chosen?.card === null && (
        <Modal
          opened
          onClose={close}
          title={<NameText>{host.host_name}</NameText>}
          closeButtonProps={{ "aria-label": parts("close") }}
        >
          <Stack>
            <HostActions
              host={{ id: host.id, name: host.host_name, cordoned: host.cordoned, instanceCount: null }}
              holders={holdersOf(host)}
            />
            <PageLink to={`/hosts/${encodeURIComponent(host.id)}`}>{t("card.open")}</PageLink>
          </Stack>
        </Modal>
      )}
    </Stack>
  );
}
