/** The settings of the whole fleet, each with what it is for and what it takes. */
import { changeSetting, listSettings } from "@remotegpu/control-plane/client/generated/api";
import type { Setting, SettingWish } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction, useApi } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { Failure, Panel } from "../../components/page/panel.tsx";

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
  const [draft, setDraft] = useState(value);
  const save = useAction((body: SettingWish) => changeSetting(key, body));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate({ value: draft });
      }}
    >
      <Group align="flex-end">
        <TextInput
          name={key}
          label={key}
          description={`${description}. ${t("settings.normally", { values, value: setting.default })}`}
          value={draft}
          onChange={({ currentTarget }) => setDraft(currentTarget.value)}
          style={{ flex: "1 1 14rem", minWidth: 0, overflowWrap: "anywhere" }}
        />
        <Button
          type="submit"
          variant="default"
          loading={save.isPending}
          disabled={draft === value}
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
      {save.error !== null && <Failure why={save.error} isAct />}
    </form>
  );
}
