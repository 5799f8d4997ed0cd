/** Which cards are free now, and what an hour of one costs. */
import { getOffers } from "@remotegpu/control-plane/client/generated/api";
import type { Offers } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../../api/use-api.ts";
import { AgeText } from "../../../components/text/age-text.tsx";
import { Money } from "../../../components/text/money.tsx";
import { NameText } from "../../../components/text/name-text.tsx";
import { type Column, Rows } from "../../../components/page/page-table.tsx";
import { Panel } from "../../../components/page/panel.tsx";
import { bytesText } from "../../../components/text/size-text.ts";

type Offer = Offers["items"][number];

export function StockPanel({ onChoose }: { onChoose: (model: string) => void }) {
  const { t } = useTranslation("environments");
  const offers = useApi(getOffers());
  const columns: Column<Offer>[] = [
    {
      title: t("stock.model"),
      cell: ({ gpu_model: model, gpu_memory: memory, simulated }) =>
        model === null ? (
          t("stock.withoutGpu")
        ) : (
          <>
            <Button
              size="compact-xs"
              variant="default"
              onClick={() => onChoose(model)}
              style={{ height: "auto" }}
              styles={{ label: { whiteSpace: "normal" } }}
            >
              <NameText>{model}</NameText>
            </Button>
            <Text size="xs" c="dimmed">
              {bytesText(memory)}
              {simulated && `, ${t("stock.simulated")}`}
            </Text>
          </>
        ),
    },
    {
      title: t("stock.free"),
      cell: ({ free, total }) => (free === null || total === null ? "–" : `${free} / ${total}`),
    },
    {
      title: t("stock.oneHost"),
      cell: ({ most_on_one_host }) => most_on_one_host ?? "–",
      isWide: true,
    },
    {
      title: t("stock.price"),
      cell: ({ prices }) =>
        prices.map(({ spec, of, price_per_hour }) => (
          <div key={`${spec} ${of}`}>
            <Money points={price_per_hour} />{" "}
            <Text span size="xs" c="dimmed">
              <NameText>{spec}</NameText>, <NameText>{of}</NameText>
            </Text>
          </div>
        )),
    },
  ];
  return (
    <Panel title={t("stock.title")} definition={t("stock.definition")} from={offers}>
      {({ items, as_of: asOf, waiting_orders: orders, waiting_gpus: gpus }) => (
        <>
          <Rows
            title={t("stock.title")}
            columns={columns}
            items={items}
            keyOf={({ gpu_model, gpu_memory, simulated }) => `${gpu_model} ${gpu_memory} ${simulated}`}
          />
          <Text size="sm" c="dimmed" component="div" mt="xs">
            {t("stock.waiting", { count: orders, gpus })} <AgeText at={asOf} />
          </Text>
        </>
      )}
    </Panel>
  );
}
