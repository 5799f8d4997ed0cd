/** A price is typed, looked at with what it would change, and only then set. */
import type { NewPrice as PriceBody } from "@remotegpu/control-plane/client/generated/api.schemas";
import { previewPrices } from "@remotegpu/control-plane/client/generated/api";
import { Button, Group, Stack } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "../../api/client.ts";
import { bodyOf, type Draft } from "../../components/form/draft.ts";
import { type Field, Fields } from "../../components/form/fields.tsx";
import { useTried } from "../../components/form/use-tried.ts";
import { Failure, Panel } from "../../components/page/panel.tsx";
import { PreviewedPrice } from "./previewed-price.tsx";
import { UNITS } from "./price-text.ts";

/** Where the only price of a preview stands in its body. */
const AT = "prices.0.";

export function NewPrice() {
  const { t } = useTranslation("money");
  const [draft, setDraft] = useState<Draft>({});
  const [requested, setRequested] = useState<PriceBody | null>(null);
  const fields = useFields();
  const { body, unread } = bodyOf<PriceBody>(fields, draft);
  const preview = useTried(requested === null ? null : previewPrices({ prices: [requested] }));
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (JSON.stringify(body) === JSON.stringify(requested)) void preview.refetch();
    else setRequested(body);
  };
  const change = (name: string, text: string) => {
    setDraft((before) => ({ ...before, [name]: text }));
    setRequested(null);
  };
  return (
    <Panel title={t("preview.title")} definition={t("preview.definition")}>
      <Stack>
        <form onSubmit={send}>
          <Stack>
            <Fields
              fields={fields}
              draft={draft}
              unread={unread}
              error={atItsFields(preview.error)}
              onChange={change}
            />
            {preview.error !== null && <Failure why={preview.error} isAct />}
            <Group>
              <Button type="submit" variant="default" loading={preview.isFetching}>
                {t("preview.ask")}
              </Button>
            </Group>
          </Stack>
        </form>
        {requested !== null && preview.error === null && preview.data !== undefined && (
          <PreviewedPrice preview={preview.data} body={body} onSet={() => setRequested(null)} />
        )}
      </Stack>
    </Panel>
  );
}

function useFields(): readonly Field<PriceBody>[] {
  const { t } = useTranslation("money");
  return [
    { path: "spec", kind: "text", label: t("prices.spec"), isRequired: true, maxLength: 64 },
    {
      path: "line",
      kind: "text",
      label: t("prices.line"),
      hint: t("prices.lineHint"),
      isRequired: true,
      maxLength: 160,
    },
    { path: "unit_price", kind: "text", label: t("prices.unitPrice"), isRequired: true },
    {
      path: "billing_unit",
      kind: "text",
      label: t("prices.unit"),
      initial: "hour",
      choices: UNITS.map((value) => ({ value, label: t(`prices.${value}`) })),
    },
    { path: "effective_from", kind: "moment", label: t("prices.from"), hint: t("prices.fromHint") },
    { path: "new_spec", kind: "switch", label: t("prices.newSpec") },
  ];
}

/** The form has one price, and the body a list of them. */
function atItsFields(error: Error | null): Error | null {
  if (!(error instanceof Problem)) return error;
  const errors = error.errors.map((one) => ({
    ...one,
    path: one.path.startsWith(AT) ? one.path.slice(AT.length) : one.path,
  }));
  const { status, message: detail, code, params } = error;
  return new Problem(status, { detail, code, params, errors });
}
