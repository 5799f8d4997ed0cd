/** Right now, in six figures, which no single reading changes. */
import type { FleetMap } from "@remotegpu/control-plane/client/generated/api.schemas";
import { SimpleGrid } from "@mantine/core";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import { ageOf } from "../../components/text/age-text.tsx";
import { Figure } from "../../components/figure.tsx";
import { Money } from "../../components/text/money.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { hearsNobody } from "./map/map-rows.ts";

export const FleetTiles = memo(function FleetTiles({ at, totals }: Pick<FleetMap, "at" | "totals">) {
  const { t, i18n } = useTranslation("fleet");
  const ago = (seconds: number) =>
    ageOf(new Date(Date.parse(at) - seconds * 1_000).toISOString(), i18n.language, Date.parse(at));
  const wait = totals.oldest_wait_seconds;
  const isDeaf = hearsNobody(totals);
  const late = totals.pending_usage_age_seconds;
  const usageBelow = isDeaf
    ? t("tile.usageDeaf")
    : late === null
      ? t("tile.usageEmpty")
      : t("tile.usageBelow", { age: ago(late) });
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 3, xl: 6 }} mb="md">
      <Figure
        label={t("tile.hosts")}
        definition={t("tile.hostsIs")}
        value={
          isDeaf
            ? t("tile.hostsDeaf", { count: totals.hosts_suspect })
            : t("tile.hostsValue", { up: totals.hosts_up })
        }
        below={t("tile.hostsBelow", {
          suspect: totals.hosts_suspect,
          unreachable: totals.hosts_unreachable,
          cordoned: totals.hosts_cordoned,
        })}
        at={at}
      />
      <Figure
        label={t("tile.gpus")}
        definition={t("tile.gpusIs")}
        value={isDeaf ? null : t("tile.gpusValue", { free: totals.gpus_free })}
        below={t("tile.gpusBelow", {
          held: totals.gpus_held,
          cordoned: totals.gpus_cordoned,
          total: totals.gpus_total,
        })}
        at={at}
      />
      <Figure
        label={t("tile.queue")}
        definition={t("tile.queueIs")}
        value={<PageLink to="/queue">{t("tile.queueValue", { count: totals.queued })}</PageLink>}
        below={wait === null ? t("tile.queueEmpty") : t("tile.queueBelow", { age: ago(wait) })}
        at={at}
      />
      <Figure
        label={t("tile.usage")}
        definition={t("tile.usageIs")}
        value={
          isDeaf && totals.pending_usage_rows === 0
            ? null
            : t("tile.usageValue", { count: totals.pending_usage_rows })
        }
        below={usageBelow}
        at={at}
      />
      <Figure
        label={t("tile.alarms")}
        definition={t("tile.alarmsIs")}
        value={totals.alarms_open}
        below={<PageLink to="/alarms">{t("tile.alarmsLink")}</PageLink>}
        at={at}
      />
      <Figure
        label={t("tile.earned")}
        definition={t("tile.earnedIs")}
        value={totals.earned_this_hour === null ? null : <Money points={totals.earned_this_hour} />}
        at={at}
      />
    </SimpleGrid>
  );
});
