/**
 * A part of a page that fails alone: it shows that it loads, what went wrong, that there is nothing, or its content, and
 * with old content goes on showing it, and says that it is old. An error thrown within it stays within it.
 */
import { Alert, Button, Group, Paper, Skeleton, Text, Title } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { serverTimeOf } from "../../api/server-clock.ts";
import { AgeText } from "../text/age-text.tsx";
import { isolated } from "../../locales/isolated.ts";
import { NameText } from "../text/name-text.tsx";
import { Refusal } from "../text/server-text.tsx";
import { TraceOf } from "../text/trace-id.tsx";

/** As much of a query as is shown of it. */
interface View<Data> {
  data: Data | undefined;
  error: Error | null;
  isPending: boolean;
  /** When the data came, by this browser's clock. */
  dataUpdatedAt?: number;
  refetch: () => unknown;
}

interface PanelOf<Data> {
  title: string;
  /** What the figures mean. */
  definition?: string;
  /** What it shows; without one the content is always there. */
  from?: View<Data>;
  isEmpty?: (data: Data) => boolean;
  empty?: string;
  /** Buttons beside the title. */
  actions?: ReactNode;
  children: ReactNode | ((data: Data) => ReactNode);
}

export function Panel<Data>(panel: PanelOf<Data>) {
  const { title, definition, actions } = panel;
  return (
    <Paper withBorder p="md" component="section" aria-label={isolated(title)}>
      <Group justify="space-between" mb="xs" wrap="wrap">
        <Title order={2} size="h4">
          <NameText>{title}</NameText>
        </Title>
        {actions}
      </Group>
      {definition !== undefined && (
        <Text size="sm" c="dimmed" mb="sm">
          <NameText>{definition}</NameText>
        </Text>
      )}
      <Contained>
        <PanelContent {...panel} />
      </Contained>
    </Paper>
  );
}

function PanelContent<Data>({ from, isEmpty, empty, children }: PanelOf<Data>) {
  const { t } = useTranslation("parts");
  if (from === undefined) return typeof children === "function" ? null : children;
  const { data, error, refetch, isPending } = from;
  if (data === undefined && error !== null) return <Failure why={error} again={() => void refetch()} />;
  if (data === undefined)
    return isPending ? <Skeleton height={80} role="status" aria-label={t("loading")} /> : null;
  return (
    <>
      {error !== null && <NotAnew why={error} cameMs={from.dataUpdatedAt} />}
      {isEmpty?.(data) === true ? (
        <Text c="dimmed">{empty ?? t("empty")}</Text>
      ) : typeof children === "function" ? (
        children(data)
      ) : (
        children
      )}
    </>
  );
}

/** What is shown is old, since it was refused or not answered when it was asked for again. */
function NotAnew({ why, cameMs }: { why: Error; cameMs: number | undefined }) {
  const { t } = useTranslation("parts");
  return (
    <Text size="sm" c="dimmed" mb="sm" component="div" style={{ overflowWrap: "anywhere" }} data-not-anew>
      {t("notAnew")} <Refusal of={why} />
      {cameMs !== undefined && cameMs > 0 && (
        <>
          {" · "}
          {t("asOf")} <AgeText at={new Date(serverTimeOf(cameMs)).toISOString()} />
        </>
      )}
    </Text>
  );
}

interface FailureOf {
  why: Error;
  /** Something was to be done, and not only read. */
  isAct?: boolean;
  again?: () => void;
}

export function Failure({ why, isAct = false, again }: FailureOf) {
  const { t } = useTranslation("parts");
  return (
    <Alert color="red" variant="light" role="alert">
      <Group justify="space-between">
        <Text size="sm" component="div" style={{ overflowWrap: "anywhere" }}>
          {t(isAct ? "refused" : "failed")} <Refusal of={why} />
          <TraceOf error={why} />
        </Text>
        {again !== undefined && (
          <Button size="compact-sm" variant="default" onClick={again}>
            {t("again")}
          </Button>
        )}
      </Group>
    </Alert>
  );
}

/** React gives errors of rendering to classes alone. */
export class Contained extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return <Failure why={error} again={() => this.setState({ error: null })} />;
  }
}
