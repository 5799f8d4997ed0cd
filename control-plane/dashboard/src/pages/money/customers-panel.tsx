/** All customers by their state, or those whose names have what is looked for. */
import { asTyped } from "../../api/as-typed.ts";
import { listCustomers, searchEverything } from "@remotegpu/control-plane/client/generated/api";
import { Group, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { Choice } from "../../components/choice.tsx";
import { useFilters } from "../../components/filters.ts";
import { Money } from "../../components/text/money.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { PageTable, Rows } from "../../components/page/page-table.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";

const TYPING_MS = 200;
const STATES = ["active", "suspended"] as const;

export function CustomersPanel() {
  const { t } = useTranslation("money");
  const [{ q, state }, setFilters] = useFilters(["q", "state"]);
  return (
    <>
      <Group align="flex-end">
        <TextInput
          label={t("customers.find")}
          value={q}
          onChange={({ currentTarget }) => setFilters({ q: currentTarget.value })}
        />
        <Choice
          label={t("customers.state")}
          value={state}
          onChange={(value) => setFilters({ state: value })}
          data={[
            { value: "", label: t("customers.any") },
            ...STATES.map((value) => ({ value, label: t(`customers.${value}`) })),
          ]}
        />
      </Group>
      {q.trim().length > 1 ? <Found q={q.trim()} /> : <All state={state} />}
    </>
  );
}

function Found({ q }: { q: string }) {
  const { t } = useTranslation("money");
  const [requested] = useDebouncedValue(q, TYPING_MS);
  const found = useApi(searchEverything({ q: requested }), { isLive: false });
  const customers = found.data?.items.filter(({ kind }) => kind === "customer");
  return (
    <Panel
      title={t("customers.title")}
      from={{ ...found, data: customers }}
      isEmpty={(items) => items.length === 0}
      empty={t("customers.none")}
    >
      {(items) => (
        <Rows
          title={t("customers.title")}
          items={items}
          keyOf={({ id }) => id}
          columns={[
            {
              title: t("customers.name"),
              cell: ({ id, name }) => <PageLink to={addressOf(id)}>{name}</PageLink>,
            },
            {
              title: t("customers.status"),
              cell: ({ status }) => status !== null && <StatusBadge status={status} />,
            },
          ]}
        />
      )}
    </Panel>
  );
}

function All({ state }: { state: string }) {
  const { t } = useTranslation("money");
  return (
    <PageTable
      title={t("customers.title")}
      definition={t("customers.definition")}
      list={listCustomers(asTyped({ status: state }))}
      keyOf={({ id }) => id}
      columns={[
        {
          title: t("customers.name"),
          cell: ({ id, username, display_name: display }) => (
            <>
              <PageLink to={addressOf(id)}>{username}</PageLink>{" "}
              {display !== null && <NameText>{display}</NameText>}
            </>
          ),
        },
        { title: t("customers.balance"), cell: ({ balance }) => <Money points={balance} /> },
        { title: t("customers.overdue"), cell: (one) => <StatusBadge status={one.overdue_status} /> },
        { title: t("customers.status"), cell: ({ status }) => <StatusBadge status={status} /> },
        { title: t("customers.mail"), cell: ({ email }) => email, isWide: true },
      ]}
    />
  );
}

function addressOf(id: string | number): string {
  return `/money?customer=${id}`;
}
