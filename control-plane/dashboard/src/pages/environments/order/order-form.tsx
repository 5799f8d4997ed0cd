/** The order of an environment: what it is, how large, and beside it what that costs and whether there is room. */
import { createEnvironment } from "@remotegpu/control-plane/client/generated/api";
import { Button, SimpleGrid, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { FormFields, FormGrid } from "../../../components/form/fields.tsx";
import { Form, FormFailure } from "../../../components/form/form.tsx";
import { type AnyForm, useForm } from "../../../components/form/use-form.ts";
import { useGo } from "../../../components/page/page-link.tsx";
import { Panel } from "../../../components/page/panel.tsx";
import { addressOfEnvironment } from "../one/environment.ts";
import { estimateOf } from "./estimate.ts";
import { EstimatePanel } from "./estimate-panel.tsx";
import { orderFields, type OrderFields } from "./order-fields.ts";
import { StockPanel } from "./stock-panel.tsx";
import { useOffered } from "./use-offered.ts";

export default function OrderForm() {
  const { t } = useTranslation("environments");
  const go = useGo();
  const fields = orderFields((word) => t(word), useOffered());
  const form = useForm({
    request: createEnvironment,
    fields: Object.values(fields).flat(),
    onDone: ({ id }) => go(addressOfEnvironment(id)),
  });
  const choose = (model: string) => {
    form.change("config.gpu_model", model);
    if (form.body.gpu === 0) form.change("gpu", "1");
  };
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      <Form form={form}>
        <Stack>
          <Parts form={form} fields={fields} />
          <FormFailure form={form} isBesideFields />
          <Button type="submit" loading={form.isPending}>
            {t("order.submit")}
          </Button>
        </Stack>
      </Form>
      <Stack>
        <EstimatePanel wish={form.isReadable ? estimateOf(form.body) : null} />
        <StockPanel onChoose={choose} />
      </Stack>
    </SimpleGrid>
  );
}

const COLUMNS = { base: 1, xs: 2 };

function Parts({ form, fields }: { form: AnyForm; fields: OrderFields }) {
  const { t } = useTranslation("environments");
  const { what, spec, size, access, workspace, bounds, data } = fields;
  return (
    <>
      <Panel title={t("order.what")}>
        <Stack gap="sm">
          <FormFields form={form} fields={what} />
        </Stack>
      </Panel>
      <Panel title={t("order.size")}>
        <Stack gap="sm">
          <FormFields form={form} fields={spec} />
          <FormGrid form={form} fields={size} columns={COLUMNS} />
        </Stack>
      </Panel>
      <Panel title={t("order.services")}>
        <Stack gap="xs">
          <FormFields form={form} fields={access} />
        </Stack>
      </Panel>
      <Panel title={t("order.more")}>
        <Stack gap="sm">
          <FormFields form={form} fields={workspace} />
          <FormGrid form={form} fields={bounds} columns={COLUMNS} />
          <FormFields form={form} fields={data} />
        </Stack>
      </Panel>
    </>
  );
}
