/** The settings of the whole fleet, each with what it is for and what it takes. */
import { changeSetting, listSettings } from "@remotegpu/control-plane/client/generated/api";
import type { Setting, SettingWish } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Box, Button, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { FormFields } from "../../components/form/fields.tsx";
import { Form, FormFailure } from "../../components/form/form.tsx";
import { useForm } from "../../components/form/use-form.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { Panel } from "../../components/page/panel.tsx";

export default function SettingsPage() {
  const { t } = useTranslation("owner");
  const settings = useApi(listSettings({ limit: 200 }));
  return (
    <>
      <PageHead title={t("settings.title")} />
      <Panel title={t("settings.title")} definition={t("settings.definition")} from={settings}>
        {({ items }) => (
          <Stack>
            {items.map((one) => (
              <Changeable key={one.key} setting={one} />
            ))}
          </Stack>
        )}
      </Panel>
    </>
  );
}

function Changeable({ setting }: { setting: Setting }) {
  const { t } = useTranslation("owner");
  const { key, value, description, values, updated_at } = setting;
  const form = useForm({
    request: (body: SettingWish) => changeSetting(key, body),
    base: { value },
    fields: [
      {
        path: "value",
        kind: "text",
        empty: "",
        name: key,
        label: key,
        hint: `${description}. ${t("settings.normally", { values, value: setting.default })}`,
      },
    ],
  });
  return (
    <Form form={form}>
      <Group align="flex-end">
        <Box style={{ flex: "1 1 14rem", minWidth: 0, overflowWrap: "anywhere" }}>
          <FormFields form={form} />
        </Box>
        <Button
          type="submit"
          variant="default"
          loading={form.isPending}
          disabled={form.body.value === value}
          aria-label={t("settings.saveIt", { key })}
        >
          {t("settings.save")}
        </Button>
      </Group>
      {updated_at !== null && (
        <Text size="sm" c="dimmed">
          {t("settings.changed")} <AgeText at={updated_at} />
        </Text>
      )}
      <FormFailure form={form} />
    </Form>
  );
}
