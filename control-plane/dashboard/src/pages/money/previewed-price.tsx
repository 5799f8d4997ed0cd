/** What a price would change, and the button that sets it. */
import { createPrice } from "@remotegpu/control-plane/client/generated/api";
import type { NewPrice, PricePreview } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Alert, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { Money } from "../../components/text/money.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { Rows } from "../../components/page/page-table.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import { usePriceWords } from "./price-text.ts";

interface PreviewedPriceOf {
  preview: PricePreview;
  /** That was looked at. */
  body: NewPrice;
  onSet: () => void;
}

export function PreviewedPrice({ preview, body, onSet }: PreviewedPriceOf) {
  const { t } = useTranslation("money");
  const words = usePriceWords();
  const [price] = preview.prices;
  if (price === undefined) return null;
  const { spec, line, refusal } = price;
  return (
    <Stack data-preview aria-live="polite">
      {refusal === null ? (
        <Neighbours price={price} />
      ) : (
        <Alert color="red" variant="light" role="alert">
          <NameText>{t("preview.refused", { why: refusal })}</NameText>
        </Alert>
      )}
      <Runs runs={preview.runs} />
      <Customers customers={preview.customers} />
      {refusal === null && (
        <ActionButton
          label={t("preview.set")}
          request={createPrice(body)}
          onDone={onSet}
          consequences={{
            title: t("preview.setTitle", { ...words(price), spec, line }),
            stops: [t("preview.setStops")],
            keeps: [t("preview.setKept")],
            charged: [t("preview.setCharged")],
          }}
        />
      )}
    </Stack>
  );
}

function Neighbours({ price }: { price: PricePreview["prices"][number] }) {
  const { t } = useTranslation("money");
  const words = usePriceWords();
  const { spec, line, supersedes, superseded_by: next } = price;
  return (
    <div>
      <Text style={{ overflowWrap: "anywhere" }}>
        <NameText>
          {supersedes === null
            ? t("preview.first", { spec, line })
            : t("preview.taken", { ...words(supersedes), spec, line })}
        </NameText>
      </Text>
      {next.map((one) => (
        <Text key={one.effective_from}>
          {t("preview.next", words(one))} <AgeText at={one.effective_from} />
        </Text>
      ))}
    </div>
  );
}

function Runs({ runs }: { runs: PricePreview["runs"] }) {
  const { t } = useTranslation("money");
  if (runs.length === 0) return <Text c="dimmed">{t("preview.runsNone")}</Text>;
  return (
    <Rows
      title={t("preview.runs")}
      items={runs}
      keyOf={(one) => `${one.spec} ${one.resource_type}`}
      columns={[
        { title: t("preview.kind"), cell: (one) => one.resource_type },
        { title: t("preview.keeping"), cell: ({ keeping }) => keeping },
        { title: t("preview.notBegun"), cell: (one) => one.not_begun },
        { title: t("preview.now"), cell: (one) => <Money points={one.per_hour_now} /> },
        { title: t("preview.anew"), cell: (one) => <Money points={one.per_hour_anew} /> },
      ]}
    />
  );
}

function Customers({ customers }: { customers: PricePreview["customers"] }) {
  const { t } = useTranslation("money");
  if (customers.length === 0) return null;
  return (
    <Rows
      title={t("preview.customers")}
      items={customers}
      keyOf={(one) => one.customer_id}
      columns={[
        { title: t("preview.customers"), cell: (one) => one.username ?? one.customer_id },
        { title: t("preview.now"), cell: (one) => <Money points={one.per_hour_now} /> },
        { title: t("preview.anew"), cell: (one) => <Money points={one.per_hour_anew} /> },
      ]}
    />
  );
}
