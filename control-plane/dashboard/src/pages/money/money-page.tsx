/** Customers and what they have paid, prices, and whether the books agree. */
import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFilters } from "../../components/filters.ts";
import { PageHead } from "../../components/page/page-head.tsx";
import { Books } from "./books.tsx";
import { CustomerPart } from "./customer-part.tsx";
import { CustomersPanel } from "./customers-panel.tsx";
import { PricesPart } from "./prices-part.tsx";

export default function MoneyPage() {
  const { t } = useTranslation("money");
  const [{ customer }] = useFilters(["customer"]);
  return (
    <Stack>
      <PageHead title={t("title")} />
      {customer === "" ? <CustomersPanel /> : <CustomerPart key={customer} id={customer} />}
      <PricesPart />
      <Books />
    </Stack>
  );
}
