/** The preflight of a job of several ranks: who reaches whom, and whether the hosts are as they should be. */
import { List, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { isolated } from "../../../locales/isolated.ts";
import { type Column, Rows } from "../../../components/page/page-table.tsx";
import { Panel } from "../../../components/page/panel.tsx";
import type { Job } from "./job.ts";
import { type Preflight, preflightOf } from "./preflight.ts";

/** Beyond so many ranks the matrix is no longer looked at, and what is wrong is listed alone. */
const MOST_IN_MATRIX = 16;

export function PreflightPanel({ job }: { job: Job }) {
  const { t } = useTranslation("training");
  const preflight = preflightOf(job.instances);
  if (preflight === null) return null;
  const { passed, failed, rows } = preflight;
  const count = t("preflight.count", { passed, failed: failed.length });
  return (
    <Panel title={t("preflight.title")} definition={t("preflight.definition")}>
      <Text size="sm">{count}</Text>
      {failed.length > 0 && (
        <List size="sm" mt="xs">
          {failed.map(({ rank, towards, detail }) => (
            <List.Item key={`${rank} ${towards}`}>
              {t("preflight.wrong", { rank, check: checkOf(towards, t), detail })}
            </List.Item>
          ))}
        </List>
      )}
      {rows.length <= MOST_IN_MATRIX && <Matrix preflight={preflight} />}
    </Panel>
  );
}

type Row = Preflight["rows"][number];

function Matrix({ preflight: { checks, rows } }: { preflight: Preflight }) {
  const { t } = useTranslation("training");
  const columns: Column<Row>[] = [
    { title: t("preflight.rank"), cell: ({ rank, hostName }) => `${rank} · ${isolated(hostName)}` },
    ...checks.map((check) => ({
      title: checkOf(check, t),
      cell: ({ rank, findings }: Row) => <Cell finding={findings.get(check)} isSelf={check === rank} />,
    })),
  ];
  return <Rows title={t("preflight.title")} columns={columns} items={rows} keyOf={({ rank }) => rank} />;
}

function Cell({ finding, isSelf }: { finding: ReturnType<Row["findings"]["get"]>; isSelf: boolean }) {
  const { t } = useTranslation("training");
  if (isSelf) return "·";
  if (finding === undefined) return t("preflight.open");
  return (
    <Text span size="sm" title={finding.detail} c={finding.is_passed ? undefined : "red"}>
      {finding.is_passed ? `✓ ${t("preflight.good")}` : `✗ ${t("preflight.bad")}`}
    </Text>
  );
}

function checkOf(check: string | number, t: ReturnType<typeof useTranslation<"training">>["t"]): string {
  return typeof check === "number" ? t("preflight.toRank", { rank: check }) : check;
}
