/** One figure with what it means on hover and focus and, where it was sampled, the age of the sample; null is "not reported". */
import { Group, Paper, Text, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import { AgeText } from "./text/age-text.tsx";
import { textAlone } from "./text/name-text.tsx";
import { NotReported } from "./text/not-reported.tsx";

interface FigureOf {
  label: string;
  /** What is counted, and by whom. */
  definition: string;
  value: ReactNode | null;
  /** Of the sample. */
  at?: string | null;
  below?: ReactNode;
}

export function Figure({ label, definition, value, at, below }: FigureOf) {
  return (
    <Paper withBorder p="sm" h="100%" component="section" aria-label={label}>
      <Tooltip label={definition} multiline maw={320}>
        <Text size="sm" c="dimmed" component="h3" fw={500} tabIndex={0}>
          {label}
        </Text>
      </Tooltip>
      <Text size="xl" fw={600} component="div" style={{ overflowWrap: "anywhere" }}>
        {textAlone(value) ?? <NotReported />}
      </Text>
      {below !== undefined && (
        <Text size="sm" component="div" c="dimmed">
          {textAlone(below)}
        </Text>
      )}
      {at !== undefined && at !== null && (
        <Group gap={4}>
          <Text size="xs" c="dimmed">
            <AgeText at={at} />
          </Text>
        </Group>
      )}
    </Paper>
  );
}
