/** One host: what it is, its cards now and over time, who has them, what happened, and what can be done. */
import { SimpleGrid, Stack } from "@mantine/core";
import type { FleetMap } from "@remotegpu/control-plane/http/hosts/fleet-map";
import type { HostShown } from "@remotegpu/control-plane/http/hosts/host-answer";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { useAddressId } from "../../parts/filters.ts";
import { PageHead } from "../../parts/page-head.tsx";
import { Panel } from "../../parts/panel.tsx";
import { HolderLinks } from "../fleet/holder-links.tsx";
import { holdersOf } from "../fleet/map-rows.ts";
import { HostActsPanel } from "./host-acts-panel.tsx";
import { HostCards } from "./host-cards.tsx";
import { HostEvents } from "./host-events.tsx";
import { HostFacts } from "./host-facts.tsx";

export default function HostPage() {
  const { t } = useTranslation("host");
  const id = useAddressId();
  const path = `/hosts/${encodeURIComponent(id)}`;
  const topics = [`host:${id}`, "fleet"];
  // Its clock and its journal go on without a word.
  const host = useApi<HostShown>(path, { topics, isMoving: true });
  const map = useApi<FleetMap>("/fleet/map", { topics: ["fleet"] });
  const here = map.data?.hosts.find((one) => one.id === id);
  const holders = here === undefined ? [] : holdersOf(here);
  return (
    <>
      <PageHead title={t("title", { name: host.data?.name ?? id })} />
      <Panel<HostShown> title={t("facts.title")} from={host}>
        {(data) => <HostFacts host={data} />}
      </Panel>
      {host.data !== undefined && (
        <Stack mt="md">
          <HostCards path={path} topics={topics} />
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            <Panel
              title={t("holders.title")}
              definition={t("holders.definition")}
              from={{ ...map, data: map.data === undefined ? undefined : holders }}
              isEmpty={(list) => list.length === 0}
              empty={t("holders.empty")}
            >
              <HolderLinks holders={holders} />
            </Panel>
            <HostActsPanel host={host.data} holders={holders} />
          </SimpleGrid>
          <HostEvents path={path} topics={topics} />
        </Stack>
      )}
    </>
  );
}
