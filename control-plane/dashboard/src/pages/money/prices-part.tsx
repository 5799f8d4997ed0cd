/** Prices as they were, are and will be, and a new one with what it would change. */
import { asTyped } from "../../api/as-typed.ts";
import { listPrices } from "@remotegpu/control-plane/client/generated/api";
import { TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { useFilters } from "../../components/filters.ts";
import { PageTable } from "../../components/page/page-table.tsx";
import { NewPrice } from "./new-price.tsx";
import { usePriceText } from "./price-text.ts";

export function PricesPart() {
  const { t } = useTranslation("money");
  const [{ spec }, setFilters] = useFilters(["spec"]);
  const priceText = usePriceText();
  return (
    <>
      <TextInput
        label={t("prices.only")}
        value={spec}
        onChange={({ currentTarget }) => setFilters({ spec: currentTarget.value })}
        maw={320}
      />
      <PageTable
        title={t("prices.title")}
        definition={t("prices.definition")}
        list={listPrices(asTyped({ spec: spec.trim() }))}
        keyOf={({ id }) => id}
        columns={[
          { title: t("prices.spec"), cell: (one) => one.spec },
          { title: t("prices.line"), cell: ({ line }) => line },
          { title: t("prices.price"), cell: (one) => priceText(one) },
          { title: t("prices.from"), cell: (one) => <AgeText at={one.effective_from} /> },
        ]}
      />
      <NewPrice />
    </>
  );
}
