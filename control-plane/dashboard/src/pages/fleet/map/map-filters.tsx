/** What the map shows and in which order, as the address has it. The server looks: a page may be a part of the fleet. */
import type { ListFleetMapParams } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group } from "@mantine/core";
import { memo, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { asTyped } from "../../../api/as-typed.ts";
import { Choice } from "../../../components/choice.tsx";
import { useFilters } from "../../../components/filters.ts";
import { TypedFilter } from "../../../components/typed-filter.tsx";
import { bytesOfGb, groupKeys, RACK } from "./map-rows.ts";

const FREE_GB = ["16", "24", "40", "80", "140"] as const;
const NAMES = ["group", "find", "free", "cursor"] as const;
const MAX_FIND = 200;
/** In no label. */
export const KEYS_APART = "\n";

interface MapFiltered {
  query: ListFleetMapParams;
  freeGb: number | null;
  cursor: string;
  /** Not every host is wanted. */
  isNarrowed: boolean;
}

/** What is no filter of ours counts as none. */
export function useMapFilters(): MapFiltered {
  const [{ group, find, free, cursor }] = useFilters(NAMES);
  return useMemo(() => {
    const freeGb = FREE_GB.some((gb) => gb === free) ? Number(free) : null;
    const search = find.trim().slice(0, MAX_FIND);
    const query = asTyped<ListFleetMapParams>({
      cursor,
      search,
      free_gpu_memory: freeGb === null ? "" : bytesOfGb(freeGb),
      group_by: /^(model|label:.+)$/.test(group) ? group : "",
    });
    return { query, freeGb, cursor, isNarrowed: search !== "" || freeGb !== null };
  }, [group, find, free, cursor]);
}

/** The way to the other pages, which is in the address, too. */
export function useMapPage(): (cursor: string) => void {
  const [, setFilters] = useFilters(NAMES);
  return (cursor) => setFilters({ cursor });
}

/** Which no reading changes. @param keys of the labels of all hosts, in one text, so that the same are the same */
export const MapFilters = memo(function MapFilters({ keys }: { keys: string }) {
  const { t } = useTranslation("fleet");
  const [filters, setFilters] = useFilters(NAMES);
  // Among others than before there is no such page.
  const narrow = (changed: Parameters<typeof setFilters>[0]) => setFilters({ ...changed, cursor: "" });
  const known = groupKeys(keys === "" ? [] : keys.split(KEYS_APART));
  return (
    <Group align="end">
      <Choice
        label={t("map.group")}
        value={filters.group}
        onChange={(value) => narrow({ group: value })}
        data={[
          { value: "", label: t("map.groupBy.none") },
          { value: "model", label: t("map.groupBy.model") },
          ...known.map((key) => ({
            value: `label:${key}`,
            label: key === RACK ? t("map.groupBy.rack") : t("map.groupBy.label", { key }),
          })),
        ]}
      />
      <TypedFilter
        label={t("map.find")}
        value={filters.find}
        maxLength={MAX_FIND}
        onChange={(value) => narrow({ find: value })}
      />
      <Choice
        label={t("map.free")}
        value={filters.free}
        onChange={(value) => narrow({ free: value })}
        data={[
          { value: "", label: t("map.freeAny") },
          ...FREE_GB.map((gb) => ({ value: gb, label: t("map.freeGb", { gb }) })),
        ]}
      />
    </Group>
  );
});
