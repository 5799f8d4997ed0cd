/** Training jobs, one by one or by arrays; the order of a new one stands in their place. */
import { Button, Group, SegmentedControl } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFilters } from "../../components/filters.ts";
import { PageHead } from "../../components/page/page-head.tsx";
import { ArrayPanel } from "./array-panel.tsx";
import { ArraysTable } from "./arrays-table.tsx";
import { JobOrder } from "./order/job-order.tsx";
import { JobsTable } from "./jobs-table.tsx";

export default function TrainingPage() {
  const { t } = useTranslation("training");
  const [{ order, by, group_id: group }, setFilters] = useFilters(["order", "by", "group_id"]);
  if (order !== "") return <JobOrder like={order === "new" ? null : order} />;
  return (
    <>
      <PageHead
        title={t("title")}
        actions={
          <Group gap="xs">
            <SegmentedControl
              size="xs"
              aria-label={t("by.label")}
              value={by === "array" ? "array" : "job"}
              onChange={(value) => setFilters({ by: value === "array" ? "array" : "", group_id: "" })}
              data={[
                { value: "job", label: t("by.job") },
                { value: "array", label: t("by.array") },
              ]}
            />
            <Button onClick={() => setFilters({ order: "new" })}>{t("order.open")}</Button>
          </Group>
        }
      />
      {group !== "" && <ArrayPanel id={group} />}
      {by === "array" ? <ArraysTable /> : <JobsTable group={group} />}
    </>
  );
}
