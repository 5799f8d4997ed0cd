/** A host's cards now, and the lines of the one that is chosen, which stands in the address. */
import type { StreamTopic } from "@remotegpu/control-plane/client/stream-topics";
import { listHostGpus } from "@remotegpu/control-plane/client/generated/api";
import type { Gpu } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { useFilters } from "../../components/filters.ts";
import { NotReported } from "../../components/text/not-reported.tsx";
import { type Column, Rows } from "../../components/page/page-table.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { ServerText } from "../../components/text/server-text.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { CardLines } from "./card-lines.tsx";
import { CardMemory } from "./card-memory.tsx";

export function HostCards({ hostId, topics }: { hostId: string; topics: readonly StreamTopic[] }) {
  const { t } = useTranslation("host");
  const [{ card }, setFilters] = useFilters(["card"]);
  // No change is told of their readings.
  const cards = useApi(listHostGpus(hostId, { limit: 200 }), { topics, isMoving: true });
  const columns: Column<Gpu>[] = [
    {
      title: t("gpus.card"),
      cell: ({ gpu_index: index, uuid }) =>
        uuid === null ? (
          index
        ) : (
          <Button
            size="compact-sm"
            variant={card === uuid ? "filled" : "default"}
            aria-label={`${index}: ${t("gpus.lines", { index })}`}
            aria-pressed={card === uuid}
            onClick={() => setFilters({ card: card === uuid ? "" : uuid })}
          >
            {index}
          </Button>
        ),
    },
    { title: t("gpus.model"), cell: ({ name }) => name ?? <NotReported /> },
    { title: t("gpus.use"), cell: ({ utilization_percent: use }) => withUnit(use, "%") },
    { title: t("gpus.memory"), cell: (one) => <CardMemory card={one} /> },
    { title: t("gpus.heat"), cell: ({ temperature_c: heat }) => withUnit(heat, "°C"), isWide: true },
    { title: t("gpus.power"), cell: ({ power_w: power }) => withUnit(power, "W"), isWide: true },
    {
      title: t("gpus.health"),
      cell: ({
        health_status: health,
        health_reasons: reasons,
        health_reason_codes: codes,
        reason_code: code,
        cordoned,
        vanished_at: goneAt,
      }) => (
        <>
          {goneAt !== null && (
            <Text size="sm" component="div" data-vanished>
              {t("gpus.vanished")} <AgeText at={goneAt} />
            </Text>
          )}
          <StatusBadge status={health} /> {cordoned && <StatusBadge status="cordoned" />}
          {reasons.map((reason, nth) => (
            <div key={reason}>
              <ServerText code={codes[nth]?.code ?? null} params={codes[nth]?.params ?? null}>
                {reason}
              </ServerText>
              {nth === 0 && code !== null && ` (${code})`}
            </div>
          ))}
        </>
      ),
    },
    { title: t("gpus.seen"), cell: ({ sampled_at: at }) => <AgeText at={at} />, isWide: true },
  ];
  const chosen = cards.data?.items.find(({ uuid }) => uuid === card && uuid !== null);
  return (
    <Stack>
      <Panel
        title={t("gpus.title")}
        definition={t("gpus.definition")}
        from={cards}
        isEmpty={({ items }) => items.length === 0}
        empty={t("gpus.empty")}
      >
        {({ items }) => (
          <Rows
            title={t("gpus.title")}
            columns={columns}
            items={items.map(asOfNow)}
            keyOf={(one) => one.uuid ?? one.gpu_index}
          />
        )}
      </Panel>
      {chosen !== undefined && <CardLines card={chosen} />}
    </Stack>
  );
}

/** What a card said last that is gone says nothing about now. */
function asOfNow(card: Gpu): Gpu {
  if (card.vanished_at === null) return card;
  return { ...card, utilization_percent: null, memory_used_mib: null, temperature_c: null, power_w: null };
}

function withUnit(value: number | string | null, unit: string) {
  return value === null ? <NotReported /> : `${value} ${unit}`;
}
