/** A list that the server pages and sorts. It scrolls sideways within itself, so that the page never does. */
import { Button, Group, ScrollArea, Table, Text } from "@mantine/core";
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { Fragment, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type Freshness, type Page, type PagedList, usePages } from "../../api/use-api.ts";
import { AgeText } from "../text/age-text.tsx";
import { isolated } from "../../locales/isolated.ts";
import { textAlone } from "../text/name-text.tsx";
import { Panel } from "./panel.tsx";

export interface Column<Item> {
  title: string;
  cell: (item: Item) => ReactNode;
  /** On a phone it is left out. */
  isWide?: boolean;
}

interface PageTableOf<Item> extends Freshness, View<Item> {
  title: string;
  definition?: string;
  list: ApiRequest<Page<Item>> | PagedList<Item>;
  empty?: string;
  actions?: ReactNode;
  /** Above the rows. */
  filters?: ReactNode;
}

/** How an item is shown. */
interface View<Item> {
  columns: readonly Column<Item>[];
  keyOf: (item: Item) => string | number;
  /** What stands beneath its row; null: nothing. */
  below?: (item: Item) => ReactNode;
}

export function PageTable<Item>(props: PageTableOf<Item>) {
  const { title, definition, list, columns, keyOf, below, empty, actions, filters, ...freshness } = props;
  const { t } = useTranslation("parts");
  const pages = usePages(list, freshness);
  const items = pages.data?.pages.flatMap((page) => page.items);
  const madeAt = pages.data?.pages[0]?.at;
  return (
    <Panel
      title={title}
      definition={definition}
      actions={actions}
      from={{
        data: items,
        error: pages.error,
        isPending: pages.isPending,
        dataUpdatedAt: pages.dataUpdatedAt,
        refetch: pages.refetch,
      }}
    >
      {(items) => (
        <>
          {filters}
          {items.length === 0 ? (
            <Text c="dimmed">{empty ?? t("empty")}</Text>
          ) : (
            <Rows title={title} columns={columns} items={items} keyOf={keyOf} below={below} />
          )}
          <Group justify="space-between" mt="sm">
            <Text size="sm" c="dimmed">
              {t(pages.hasNextPage ? "shownOf" : "shownAll", { count: items.length })}
              {madeAt !== undefined && (
                <>
                  {" · "}
                  <AgeText at={madeAt} />
                </>
              )}
            </Text>
            {pages.hasNextPage && (
              <Button
                variant="default"
                loading={pages.isFetchingNextPage}
                onClick={() => void pages.fetchNextPage()}
              >
                {t("more")}
              </Button>
            )}
          </Group>
        </>
      )}
    </Panel>
  );
}

interface RowsOf<Item> extends View<Item> {
  title: string;
  items: readonly Item[];
}

/** Only the rows, for what comes in one answer. */
export function Rows<Item>({ title, columns, items, keyOf, below }: RowsOf<Item>) {
  return (
    <ScrollArea type="auto" viewportProps={{ tabIndex: 0, role: "region", "aria-label": isolated(title) }}>
      <Table verticalSpacing="xs" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column.title} {...(column.isWide === true && { visibleFrom: "sm" })}>
                {column.title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map((item) => (
            <Fragment key={keyOf(item)}>
              <Table.Tr>
                {columns.map((column) => (
                  <Table.Td
                    key={column.title}
                    style={{ overflowWrap: "anywhere", minWidth: "6rem" }}
                    {...(column.isWide === true && { visibleFrom: "sm" })}
                  >
                    {textAlone(column.cell(item))}
                  </Table.Td>
                ))}
              </Table.Tr>
              <Beneath columns={columns.length}>{below?.(item)}</Beneath>
            </Fragment>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}

/** As wide as what is seen of the table, also where the table is wider. */
function Beneath({ columns, children }: { columns: number; children: ReactNode }) {
  if (children === undefined || children === null) return null;
  return (
    <Table.Tr data-beneath>
      <Table.Td colSpan={columns}>
        <div style={{ position: "sticky", left: 0, maxWidth: "calc(100vw - 5rem)" }}>{children}</div>
      </Table.Td>
    </Table.Tr>
  );
}
