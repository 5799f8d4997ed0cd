/** The page's title, which is the window's, too, and what can be done on the whole page. */
import { Group, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { isolated } from "../../locales/isolated.ts";
import { NameText } from "../text/name-text.tsx";

export function PageHead({ title, actions }: { title: string; actions?: ReactNode }) {
  useEffect(() => {
    document.title = `${isolated(title)} · RemoteGPU`;
  }, [title]);
  return (
    <Group justify="space-between" mb="md">
      <Title order={1} size="h2" style={{ overflowWrap: "anywhere" }}>
        <NameText>{title}</NameText>
      </Title>
      {actions}
    </Group>
  );
}
