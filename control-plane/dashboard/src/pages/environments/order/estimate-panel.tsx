/** What the order would cost, by the code that charges it, and whether there is room, while it is typed. */
import { estimateOrder } from "@remotegpu/control-plane/client/generated/api";
import type { Estimate, EstimateWish } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Alert, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useTrial } from "../../../components/form/use-trial.ts";
import { Money } from "../../../components/text/money.tsx";
import { type Column, Rows } from "../../../components/page/page-table.tsx";
import { Panel } from "../../../components/page/panel.tsx";
import { ReasonText } from "../../../components/text/reason-text.tsx";

const TYPING_MS = 300;
const COLOURS = { now: "teal", later: "blue", never: "red" } as const;

/** @param wish null: there is too little to price */
export function EstimatePanel({ wish }: { wish: EstimateWish | null }) {
  const { t } = useTranslation("environments");
  // Room comes and goes.
  const estimate = useTrial(wish === null ? null : estimateOrder(wish), {
    typingMs: TYPING_MS,
    isPolled: true,
  });
  return (
    <Panel title={t("estimate.title")} definition={t("estimate.definition")} from={estimate}>
      {(loaded) => <Reported estimate={loaded} />}
    </Panel>
  );
}

function Reported({ estimate }: { estimate: Estimate }) {
  const { t } = useTranslation("environments");
  const { per_hour: perHour, fits, lines } = estimate;
  const columns: Column<Estimate["lines"][number]>[] = [
    { title: t("estimate.line"), cell: ({ line }) => line },
    { title: t("estimate.quantity"), cell: ({ quantity }) => quantity },
    { title: t("estimate.unit"), cell: ({ unit_price }) => <Money points={unit_price} /> },
    { title: t("estimate.amount"), cell: ({ amount }) => <Money points={amount} /> },
  ];
  return (
    <>
      <Group gap="xs" align="baseline" role="status" data-per-hour={perHour}>
        <Text size="xl" fw={600} span>
          <Money points={perHour} />
        </Text>
        <Text span>{t("estimate.perHour")}</Text>
      </Group>
      <Alert color={COLOURS[fits]} variant="light" my="sm" data-fits={fits}>
        <Text fw={600}>{t(`estimate.${fits}`)}</Text>
        <ReasonText of={estimate} field="fits_reason" />
      </Alert>
      <Rows title={t("estimate.lines")} columns={columns} items={lines} keyOf={({ line }) => line} />
    </>
  );
}
