/** The fleet at a glance: six figures, and a map with one row for each host and one cell for each card. */
import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import type { FleetMap } from "@remotegpu/control-plane/http/hosts/fleet-map";
import { memo, useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { Choice } from "../../parts/choice.tsx";
import { useFilters } from "../../parts/filters.ts";
import { PageHead } from "../../parts/page-head.tsx";
import { PageLink } from "../../parts/page-link.tsx";
import { Panel } from "../../parts/panel.tsx";
import { CardDialog } from "./card-dialog.tsx";
import { FleetGrid } from "./fleet-grid.tsx";
import { FleetTiles } from "./fleet-tiles.tsx";
import { HostActs } from "./host-acts.tsx";
import { countWanted, holdersOf, labelKeys, mapRows } from "./map-rows.ts";
import { useLiveMap } from "./use-live-map.ts";

const PATH = "/fleet/map";
const TOPICS = ["fleet", "gpu", "queue", "alarms"];
const FREE_GB = ["16", "24", "40", "80", "140"] as const;
/** In no label. */
const KEYS_APART = "\n";
const NAMES = ["group", "find", "free", "cursor"] as const;
const SIGNS = ["fill", "bar", "corner", "letter", "hatch", "dashed", "grey", "vanished"] as const;

export default function FleetPage() {
  const { t } = useTranslation("fleet");
  const [filters] = useFilters(NAMES);
  const query = useMemo(() => ({ cursor: filters.cursor }), [filters.cursor]);
  // The line, what is not ingested and what was earned go on without a word, and so does the age of readings that stand still.
  const map = useApi<FleetMap>(PATH, { query, topics: TOPICS, isMoving: true });
  const data = useLiveMap(map.data);
  return (
    <>
      <PageHead title={t("title")} />
      {data !== undefined && <FleetTiles at={data.at} totals={data.totals} />}
      <Panel<FleetMap> title={t("map.title")} definition={t("map.definition")} from={{ ...map, data }}>
        {(shown) => <FleetMapContent map={shown} />}
      </Panel>
    </>
  );
}

function FleetMapContent({ map }: { map: FleetMap }) {
  const { t } = useTranslation("fleet");
  const { t: parts } = useTranslation("parts");
  const [filters, setFilters] = useFilters(NAMES);
  const [chosen, setChosen] = useState<{ host: string; card: number | null } | null>(null);
  const { group, find } = filters;
  const freeGb = Number(filters.free) > 0 ? Number(filters.free) : null;
  const rows = useMemo(() => mapRows(map.hosts, { group, find, freeGb }), [map.hosts, group, find, freeGb]);
  const openCard = useCallback((host: string, card: number) => setChosen({ host, card }), []);
  const openHost = useCallback((host: string) => setChosen({ host, card: null }), []);
  const close = useCallback(() => setChosen(null), []);
  const host = map.hosts.find(({ id }) => id === chosen?.host);
  const card = chosen?.card === null || chosen === null ? undefined : host?.gpus[chosen.card];
  const wanted = freeGb === null ? null : countWanted(map.hosts, freeGb);
  if (map.hosts.length === 0) return <Text c="dimmed">{t("map.empty")}</Text>;
  return (
    <Stack gap="sm">
      <MapFilters keys={labelKeys(map.hosts).join(KEYS_APART)} />
      {wanted !== null && <Text role="status">{t("map.matches", wanted)}</Text>}
      {rows.length === 0 ? (
        <Text c="dimmed">{t("map.none")}</Text>
      ) : (
        <FleetGrid rows={rows} freeGb={freeGb} onCard={openCard} onHost={openHost} />
      )}
      <Group>
        {filters.cursor !== "" && (
          <Button variant="default" onClick={() => setFilters({ cursor: "" })}>
            {t("map.first")}
          </Button>
        )}
        {map.next_cursor !== null && (
          <Button variant="default" onClick={() => setFilters({ cursor: map.next_cursor ?? "" })}>
            {t("map.next")}
          </Button>
        )}
      </Group>
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
          title={host.host_name}
          closeButtonProps={{ "aria-label": parts("close") }}
        >
          <Stack>
            <HostActs
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

/** Which no reading changes. @param keys of the labels of all hosts, in one text, so that the same are the same */
const MapFilters = memo(function MapFilters({ keys }: { keys: string }) {
  const { t } = useTranslation("fleet");
  const [filters, setFilters] = useFilters(NAMES);
  const known = keys === "" ? [] : keys.split(KEYS_APART);
  return (
    <Group align="end">
      <Choice
        label={t("map.group")}
        value={filters.group}
        onChange={(value) => setFilters({ group: value })}
        data={[
          { value: "", label: t("map.groupBy.none") },
          { value: "model", label: t("map.groupBy.model") },
          ...known.map((key) => ({
            value: `label:${key}`,
            label: t("map.groupBy.label", { key }),
          })),
        ]}
      />
      <TextInput
        label={t("map.find")}
        value={filters.find}
        onChange={(event) => setFilters({ find: event.currentTarget.value })}
      />
      <Choice
        label={t("map.free")}
        value={filters.free}
        onChange={(value) => setFilters({ free: value })}
        data={[
          { value: "", label: t("map.freeAny") },
          ...FREE_GB.map((gb) => ({ value: gb, label: t("map.freeGb", { gb }) })),
        ]}
      />
    </Group>
  );
});
