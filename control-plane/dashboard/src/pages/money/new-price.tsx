/** A price is typed, looked at with what it would change, and only then set. */
import type { NewPrice as PriceBody } from "@remotegpu/control-plane/client/generated/api.schemas";
import { previewPrices } from "@remotegpu/control-plane/client/generated/api";
import { Button, Group, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Field } from "../../components/form/field.ts";
import { FormGrid } from "../../components/form/fields.tsx";
import { Form, FormFailure } from "../../components/form/form.tsx";
import { useForm } from "../../components/form/use-form.ts";
import { Panel } from "../../components/page/panel.tsx";
import { PreviewedPrice } from "./previewed-price.tsx";
import { UNITS } from "./price-text.ts";

/** Where the only price of a preview stands in its body. */
const AT = "prices.0";

export function NewPrice() {
  const { t } = useTranslation("money");
  const form = useForm({
    request: (price: PriceBody) => previewPrices({ prices: [price] }),
    fields: useFields(),
    within: AT,
  });
  const { answer, sent, body, reset } = form;
  const isCurrent = JSON.stringify(sent) === JSON.stringify(body);
  return (
    <Panel title={t("preview.title")} definition={t("preview.definition")}>
      <Stack>
        <Form form={form}>
          <Stack>
            <FormGrid form={form} />
            <FormFailure form={form} />
            <Group>
              <Button type="submit" variant="default" loading={form.isPending}>
                {t("preview.ask")}
              </Button>
            </Group>
          </Stack>
        </Form>
        {answer !== undefined && isCurrent && <PreviewedPrice preview={answer} body={body} onSet={reset} />}
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
