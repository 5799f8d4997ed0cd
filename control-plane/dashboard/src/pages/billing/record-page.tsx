/** The proof of one record, judged here: what holds, what does not, and how its sum comes about. */
import { Alert, Button, Group, List, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAddressId } from "../../components/filters.ts";
import { pointsText } from "../../components/text/money.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { NotFound } from "../../components/page/not-found.tsx";
import { isNotFound } from "../../components/page/one-of.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { Rows } from "../../components/page/page-table.tsx";
import { saveFile } from "../../components/save-file.ts";
import type { Judgement, WorkedSum } from "./proof/judgement.ts";
import { useJudgement, useProofText } from "./proof/use-judgement.ts";

export default function RecordPage() {
  const { t } = useTranslation("billing");
  const id = useAddressId();
  const fetched = useProofText(id);
  const [file, setFile] = useState<{ name: string; text: string } | null>(null);
  const judgement = useJudgement(file?.text ?? fetched.data ?? null);
  const choose = (chosen: File | undefined) =>
    void chosen?.text().then((text) => setFile({ name: chosen.name, text }));
  if (file === null && isNotFound(fetched.error)) return <NotFound />;
  return (
    <Stack>
      <PageHead title={t("proof.title", { id })} />
      <Panel
        title={t("title")}
        definition={t("proof.definition")}
        from={file === null ? fetched : { ...fetched, data: file.text, error: null }}
        actions={
          <Group>
            {fetched.data !== undefined && (
              <Button
                variant="default"
                size="compact-sm"
                onClick={() => saveFile(`proof-${id}.json`, fetched.data, "application/json")}
              >
                {t("proof.save")}
              </Button>
            )}
            <label>
              <Text size="sm" component="span">
                {t("proof.file")}{" "}
              </Text>
              <input
                type="file"
                accept=".json,application/json"
                style={{ maxWidth: "14rem" }}
                onChange={({ currentTarget }) => choose(currentTarget.files?.[0])}
              />
            </label>
          </Group>
        }
      >
        {file !== null && <Text size="sm">{t("proof.ofFile", { name: file.name })}</Text>}
        {judgement === null ? (
          <Text role="status">{t("proof.judging")}</Text>
        ) : (
          <Judged judgement={judgement} />
        )}
      </Panel>
    </Stack>
  );
}

function Judged({ judgement }: { judgement: Judgement }) {
  const { t } = useTranslation("billing");
  if (judgement.kind === "none")
    return (
      <Alert color="red" role="alert" data-proof="none">
        {t("proof.none", { why: t(`proof.why.${judgement.why}`, { detail: judgement.detail }) })}
      </Alert>
    );
  const { faults, notes, statement, sums } = judgement;
  return (
    <Stack gap="sm">
      {faults.length === 0 ? (
        <Alert
          color="teal"
          role="status"
          data-proof="holds"
          title={<Text c="var(--mantine-color-text)">{t("proof.holds")}</Text>}
        >
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            <NameText>{statement}</NameText>
          </Text>
        </Alert>
      ) : (
        <Alert
          color="red"
          role="alert"
          data-proof="fails"
          title={<Text c="var(--mantine-color-text)">{t("proof.fails", { count: faults.length })}</Text>}
        >
          <Lines lines={faults} />
        </Alert>
      )}
      {notes.length > 0 && (
        <section aria-label={t("proof.notes")}>
          <Text fw={600}>{t("proof.notes")}</Text>
          <Lines lines={notes} />
        </section>
      )}
      <Working sums={sums} recordId={judgement.recordId} />
    </Stack>
  );
}

function Lines({ lines }: { lines: readonly string[] }) {
  return (
    <List size="sm">
      {lines.map((line) => (
        <List.Item key={line} style={{ overflowWrap: "anywhere" }}>
          <NameText>{line}</NameText>
        </List.Item>
      ))}
    </List>
  );
}

function Working({ sums, recordId }: { sums: readonly WorkedSum[]; recordId: number }) {
  const { t } = useTranslation("billing");
  const working = ({ minutes, quantity, unitPrice, unit, amount }: WorkedSum) =>
    t("proof.working", {
      minutes,
      quantity: shortened(quantity),
      price: unitPrice,
      unit,
      amount: pointsText(amount),
    });
  return (
    <section aria-label={t("proof.sums")}>
      <Text fw={600}>{t("proof.sums")}</Text>
      <Rows
        title={t("proof.sums")}
        items={sums}
        keyOf={({ id }) => id}
        columns={[
          { title: t("proof.record"), cell: ({ id }) => (id === recordId ? <b>{id}</b> : id) },
          { title: t("records.line"), cell: ({ line }) => line },
          { title: t("records.amount"), cell: working },
        ]}
      />
      <Text mt="xs" fw={600}>
        {t("proof.sum", { amount: pointsText(totalOf(sums)) })}
      </Text>
    </section>
  );
}

function shortened(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}

/** Amounts have four places; their sum is exact. */
function totalOf(sums: readonly WorkedSum[]): string {
  const total = sums.reduce((sum, { amount }) => sum + BigInt(amount.replace(".", "")), 0n);
  const digits = (total < 0n ? -total : total).toString().padStart(5, "0");
  return `${total < 0n ? "-" : ""}${digits.slice(0, -4)}.${digits.slice(-4)}`;
}
