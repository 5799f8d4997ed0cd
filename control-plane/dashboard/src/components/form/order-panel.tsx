/** The fields of an order, those that are rarely needed folded away, and the button that sends it. */
import { Button, Group, Paper, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PageLink } from "../page/page-link.tsx";
import type { VisibleField } from "./field.ts";
import { FormGrid } from "./fields.tsx";
import { Form, FormFailure } from "./form.tsx";
import type { AnyForm } from "./use-form.ts";

interface OrderPanelOf {
  form: AnyForm;
  title: string;
  main: readonly VisibleField[];
  more: readonly VisibleField[];
  /** The page of what was ordered before. */
  list: string;
}

export function OrderPanel({ form, title, main, more, list }: OrderPanelOf) {
  const { t } = useTranslation("work");
  return (
    <Paper withBorder p="md">
      <Form form={form} label={title}>
        <Stack>
          <FormGrid form={form} fields={main} />
          <details>
            <summary>{t("form.advanced")}</summary>
            <FormGrid form={form} fields={more} />
          </details>
          <FormFailure form={form} />
          <Group>
            <Button type="submit" loading={form.isPending}>
              {t("form.submit")}
            </Button>
            <PageLink to={list}>{t("form.cancel")}</PageLink>
          </Group>
        </Stack>
      </Form>
    </Paper>
  );
}
