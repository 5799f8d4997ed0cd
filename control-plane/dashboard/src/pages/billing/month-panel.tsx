/** What this month's use came to, by workspace, resource and day: a workspace or a day narrows the records below. */
import { getBillingStatistics } from "@remotegpu/control-plane/client/generated/api";
import { SimpleGrid } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { Money } from "../../components/text/money.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { Rows } from "../../components/page/page-table.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { TOPICS } from "./topics.ts";
import { useTypeWord } from "./type-word.ts";

interface Sums {
  records: number;
  amount: string;
}

export function MonthPanel() {
  const { t } = useTranslation("billing");
  const typeWord = useTypeWord();
  const sums = useApi(getBillingStatistics({ period: "day" }), { topics: TOPICS });
  return (
    <Panel
      title={t("sums.title")}
      definition={t("sums.definition")}
      from={sums}
      isEmpty={({ records }) => records === 0}
    >
      {(month) => (
        <SimpleGrid cols={{ base: 1, md: 3 }}>
          <SumsTable
            title={t("sums.byWorkspace")}
            first={t("sums.workspace")}
            items={month.by_workspace}
            keyOf={({ workspace_id: id }) => id ?? 0}
            name={({ workspace_id: id, workspace_name: name }) =>
              id === null ? (
                t("sums.personal")
              ) : (
                <PageLink to={`/billing?workspace=${id}`}>{name ?? t("sums.gone", { id })}</PageLink>
              )
            }
          />
          <SumsTable
            title={t("sums.byResource")}
            first={t("sums.resource")}
            items={month.by_resource_type}
            keyOf={(one) => `${one.resource_type} ${one.legacy_resource_type}`}
            name={typeWord}
          />
          <SumsTable
            title={t("sums.byDay")}
            first={t("sums.day")}
            items={month.by_period}
            keyOf={({ period }) => period}
            name={({ period }) => <PageLink to={`/billing?day=${period}`}>{period}</PageLink>}
          />
        </SimpleGrid>
      )}
    </Panel>
  );
}

interface SumsTableOf<Item> {
  title: string;
  /** Of the first column. */
  first: string;
  items: readonly Item[];
  keyOf: (item: Item) => string | number;
  name: (item: Item) => ReactNode;
}

function SumsTable<Item extends Sums>({ title, first, items, keyOf, name }: SumsTableOf<Item>) {
  const { t } = useTranslation("billing");
  return (
    <Rows
      title={title}
      items={items}
      keyOf={keyOf}
      columns={[
        { title: first, cell: name },
        { title: t("sums.records"), cell: ({ records }) => records },
        { title: t("sums.amount"), cell: ({ amount }) => <Money points={amount} /> },
      ]}
    />
  );
}
