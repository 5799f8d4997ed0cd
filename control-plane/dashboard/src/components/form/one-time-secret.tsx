/** A secret that no one can show again: to be copied now. */
import { Alert, Code, Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { CopyButton } from "../copy-button.tsx";

export function OneTimeSecret({ secret, label }: { secret: string; label: string }) {
  const { t } = useTranslation("work");
  return (
    <Alert variant="light" title={t("once")} role="status">
      {label}
      <Group gap="xs" mt="xs">
        <Code style={{ overflowWrap: "anywhere" }} data-secret>
          {secret}
        </Code>
        <CopyButton text={secret} />
      </Group>
    </Alert>
  );
}
