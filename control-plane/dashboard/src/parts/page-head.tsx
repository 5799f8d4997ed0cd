/** The page's title, which is the window's, too, and what can be done on the whole page. */
import { Group, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";

export function PageHead({ title, acts }: { title: string; acts?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · RemoteGPU`;
  }, [title]);
  return (
    <Group justify="space-between" mb="md">
      <Title order={1} size="h2" style={{ overflowWrap: "anywhere" }}>
        {title}
      </Title>
      {acts}
    </Group>
  );
}
