/** Which part of the fleet is shown, and the way to the others. */
import type { FleetMap } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useMapPage } from "./map-filters.tsx";

export function MapPages({ map }: { map: FleetMap }) {
  const { t, i18n } = useTranslation("fleet");
  const go = useMapPage();
  const { hosts, hosts_found: found, hosts_before: before, gpus_found: gpus, next_cursor: next } = map;
  const isWhole = hosts.length === found;
  const number = (count: number) => count.toLocaleString(i18n.language);
  return (
    <Group justify="space-between">
      <Text size="sm" role="status">
        {gpus !== null && t("map.matches", { cards: number(gpus), hosts: number(found) })}
        {gpus !== null && !isWhole && " · "}
        {!isWhole &&
          t("map.part", {
            from: number(Math.min(before + 1, found)),
            to: number(before + hosts.length),
            of: number(found),
          })}
      </Text>
      {!isWhole && (
        <Group gap="xs" component="nav" aria-label={t("map.pages")}>
          <AccessMethod label={t("map.first")} to={before === 0 ? null : ""} go={go} />
          <AccessMethod
            label={t("map.previous")}
            to={before === 0 ? null : (map.previous_cursor ?? "")}
            go={go}
          />
          <AccessMethod label={t("map.next")} to={next} go={go} />
        </Group>
      )}
    </Group>
  );
}

/** Where it leads nowhere it stays, or whoever has just pressed it by keyboard would be nowhere, too. */
function AccessMethod({ label, to, go }: { label: string; to: string | null; go: (cursor: string) => void }) {
  const leadsNowhere = to === null;
  return (
    <Button
      size="compact-md"
      variant="default"
      data-disabled={leadsNowhere || undefined}
      aria-disabled={leadsNowhere}
      onClick={() => to !== null && go(to)}
    >
      {label}
    </Button>
  );
}
