/** A link for people without an account: what it opens and for how long; it is shown this once. */
import { given } from "@remotegpu/control-plane/client/api-request";
import { createEnvironmentShare } from "@remotegpu/control-plane/client/generated/api";
import type { NewWebShare } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Alert, Button, Code, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { CopyButton } from "../../../components/copy-button.tsx";
import type { Field } from "../../../components/form/field.ts";
import { FormFields } from "../../../components/form/fields.tsx";
import { Form, FormFailure } from "../../../components/form/form.tsx";
import { useForm } from "../../../components/form/use-form.ts";

const TARGETS = ["jupyter", "tensorboard", "port"] as const;
const DEFAULT_HOURS = "24";

/** A port is one choice beside the services. */
interface TypedShare {
  target: (typeof TARGETS)[number];
  port?: number;
  hours?: number;
}

export function NewShare({ environmentId }: { environmentId: string }) {
  const { t } = useTranslation("environments");
  const form = useForm({
    request: (typed: TypedShare) => createEnvironmentShare(environmentId, shareOf(typed)),
    fields: useFields(),
  });
  return (
    <Stack gap="xs" mb="sm">
      <Form form={form}>
        <Group align="end" gap="sm">
          <FormFields form={form} />
          <Button type="submit" variant="default" loading={form.isPending}>
            {t("shares.make")}
          </Button>
        </Group>
      </Form>
      <FormFailure form={form} isBesideFields />
      {form.answer !== undefined && (
        <Alert variant="light" role="status">
          <Text size="sm">{t("shares.once")}</Text>
          <Group gap="xs">
            <Code style={{ overflowWrap: "anywhere" }}>{form.answer.url}</Code>
            <CopyButton text={form.answer.url} />
          </Group>
        </Alert>
      )}
    </Stack>
  );
}

function useFields(): Field<TypedShare>[] {
  const { t } = useTranslation("environments");
  return [
    {
      path: "target",
      kind: "text",
      label: t("shares.what"),
      initial: "jupyter",
      choices: TARGETS.map((value) => ({
        value,
        label: value === "port" ? t("shares.port") : t(`service.${value}`),
      })),
    },
    {
      path: "port",
      kind: "number",
      label: t("shares.port"),
      isRequired: true,
      when: ({ target }) => target === "port",
    },
    { path: "hours", kind: "number", label: t("shares.hours"), initial: DEFAULT_HOURS, isRequired: true },
  ];
}

function shareOf({ target, port, hours }: TypedShare): NewWebShare {
  return given({ service: target === "port" ? undefined : target, port, hours });
}
