/** What waits, in line order, and why; who may, changes it there and takes it out of the line. */
import { listQueue } from "@remotegpu/control-plane/client/generated/api";
import { Button, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useMe } from "../../session/session.tsx";
import { AgeText } from "../../components/text/age-text.tsx";
import { useFilters } from "../../components/filters.ts";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { OrderPart } from "./order-part.tsx";
import { SizeText } from "./size-text.tsx";
import { keyOf, pageOf, type Waiting } from "./waiting.ts";
import { ReasonText } from "../../components/text/reason-text.tsx";

export default function QueuePage() {
  const { t } = useTranslation("queue");
  const { isAdmin } = useMe();
  const [{ open }, setFilters] = useFilters(["open"]);
  const columns: Column<Waiting>[] = [
    { title: t("column.position"), cell: ({ position }) => position },
    {
      title: t("column.order"),
      cell: (order) => (
        <>
          <Named order={order} />
          <Opener
            order={order}
            isOpen={keyOf(order) === open}
            onChange={(isOpen) => setFilters({ open: isOpen ? keyOf(order) : "" })}
          />
        </>
      ),
    },
    ...(isAdmin ? [{ title: t("column.customer"), cell: ({ customer }: Waiting) => customer }] : []),
    { title: t("column.size"), cell: (order) => <SizeText order={order} />, isWide: true },
    { title: t("column.priority"), cell: ({ priority }) => priority, isWide: true },
    { title: t("column.waited"), cell: ({ queued_at: at }) => <AgeText at={at} />, isWide: true },
    { title: t("column.reason"), cell: (order) => <ReasonText of={order} field="reason" /> },
    {
      title: t("column.wouldStart"),
      cell: (order) => <ReasonText of={order} field="would_start" />,
      isWide: true,
    },
  ];
  return (
    <>
      <PageHead title={t("title")} />
      <PageTable
        title={t("title")}
        definition={t("definition")}
        list={listQueue()}
        topics={["queue"]}
        isMoving
        columns={columns}
        keyOf={keyOf}
        below={(order) => (keyOf(order) === open ? <OrderPart order={order} /> : null)}
        empty={t("empty")}
      />
    </>
  );
}

function Named({ order }: { order: Waiting }) {
  const { t } = useTranslation("queue");
  const { kind, name, rank } = order;
  return (
    <>
      <PageLink to={pageOf(order)}>{name}</PageLink>
      <Text size="sm" c="dimmed">
        {t(`kind.${kind}`, { rank })}
      </Text>
    </>
  );
}

interface OpenerOf {
  order: Waiting;
  isOpen: boolean;
  onChange: (isOpen: boolean) => void;
}

function Opener({ order: { name }, isOpen, onChange }: OpenerOf) {
  const { t } = useTranslation("queue");
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      px={0}
      display="block"
      aria-expanded={isOpen}
      aria-label={t("open", { name })}
      onClick={() => onChange(!isOpen)}
    >
      <span aria-hidden>{isOpen ? "▾" : "▸"}</span> {t("more")}
    </Button>
  );
}
