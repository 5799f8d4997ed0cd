/** Links for people without an account: made, shown this once, listed and ended. */
import type { WebShare } from "@remotegpu/control-plane/client/generated/api.schemas";
import {
  createEnvironmentShare,
  endEnvironmentShare,
  listEnvironmentShares,
} from "@remotegpu/control-plane/client/generated/api";
import { Alert, Button, Code, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "../../../api/client.ts";
import { FieldErrors } from "../../../components/text/field-errors.tsx";
import { useAction } from "../../../api/use-api.ts";
import { AgeText } from "../../../components/text/age-text.tsx";
import { ConfirmDialog } from "../../../components/confirm-dialog.tsx";
import { CopyButton } from "../../../components/copy-button.tsx";
import { type Column, PageTable } from "../../../components/page/page-table.tsx";
import { Failure } from "../../../components/page/panel.tsx";
import { type Environment, workloadOf } from "../one/environment.ts";

const DEFAULT_HOURS = "24";

export function SharesPanel({ environment }: { environment: Environment }) {
  const { t } = useTranslation("environments");
  const workload = workloadOf(environment.id);
  const [ending, setEnding] = useState<WebShare | null>(null);
  const end = useAction((share: number) => endEnvironmentShare(environment.id, share));
  const columns: Column<WebShare>[] = [
    {
      title: t("shares.what"),
      cell: ({ service, port }) => service ?? t("access.port", { port: port ?? 0 }),
    },
    { title: t("shares.until"), cell: ({ expires_at, ended_at }) => <AgeText at={ended_at ?? expires_at} /> },
    {
      title: t("shares.used"),
      cell: ({ last_used_at }) => (last_used_at === null ? t("shares.never") : <AgeText at={last_used_at} />),
    },
    {
      title: t("shares.act"),
      cell: (share) =>
        share.ended_at === null ? (
          <Button size="compact-xs" variant="default" onClick={() => setEnding(share)}>
            {t("shares.end")}
          </Button>
        ) : (
          t("shares.ended")
        ),
    },
  ];
  return (
    <>
      <PageTable
        title={t("shares.title")}
        definition={t("shares.definition")}
        list={listEnvironmentShares(environment.id)}
        topics={workload.topics}
        columns={columns}
        keyOf={({ id }) => id}
        empty={t("shares.empty")}
        filters={<NewShare environmentId={environment.id} />}
      />
      <ConfirmDialog
        title={t("shares.endTitle")}
        isOpen={ending !== null}
        onClose={() => {
          end.reset();
          setEnding(null);
        }}
        onConfirm={async () => (ending === null ? undefined : await end.mutateAsync(ending.id))}
        confirm={t("shares.end")}
        isBusy={end.isPending}
        error={end.error}
        stops={[t("shares.stops")]}
        keeps={[t("shares.kept")]}
        charged={[t("sessions.charged")]}
      />
    </>
  );
}

const TARGETS = ["jupyter", "tensorboard", "port"] as const;

function NewShare({ environmentId }: { environmentId: string }) {
  const { t } = useTranslation("environments");
  const [target, setTarget] = useState<(typeof TARGETS)[number]>("jupyter");
  const [port, setPort] = useState("");
  const [hours, setHours] = useState(DEFAULT_HOURS);
  const share = useAction(() =>
    createEnvironmentShare(environmentId, {
      ...(target === "port" ? { port: Number(port) } : { service: target }),
      hours: Number(hours),
    }),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    share.mutate();
  };
  const errorOf = (field: string) => {
    const errors = share.error instanceof Problem ? share.error.errors : [];
    const ofField = errors.filter(({ path: at }) => at === field);
    return ofField.length === 0 ? undefined : <FieldErrors errors={ofField} />;
  };
  const isAtField = errorOf("port") !== undefined || errorOf("hours") !== undefined;
  return (
    <Stack gap="xs" mb="sm">
      <form onSubmit={submit}>
        <Group align="end" gap="sm">
          <NativeSelect
            label={t("shares.what")}
            value={target}
            onChange={({ currentTarget: { value } }) =>
              setTarget(TARGETS.find((one) => one === value) ?? "jupyter")
            }
            data={TARGETS.map((value) => ({
              value,
              label: value === "port" ? t("shares.port") : t(`service.${value}`),
            }))}
          />
          {target === "port" && (
            <TextInput
              label={t("shares.port")}
              type="number"
              required
              value={port}
              onChange={(event) => setPort(event.currentTarget.value)}
              error={errorOf("port")}
            />
          )}
          <TextInput
            label={t("shares.hours")}
            type="number"
            required
            value={hours}
            onChange={(event) => setHours(event.currentTarget.value)}
            error={errorOf("hours")}
          />
          <Button type="submit" variant="default" loading={share.isPending}>
            {t("shares.make")}
          </Button>
        </Group>
      </form>
      {share.error !== null && !isAtField && <Failure why={share.error} isAct />}
      {share.data !== undefined && (
        <Alert variant="light" role="status">
          <Text size="sm">{t("shares.once")}</Text>
          <Group gap="xs">
            <Code style={{ overflowWrap: "anywhere" }}>{share.data.url}</Code>
            <CopyButton text={share.data.url} />
          </Group>
        </Alert>
      )}
    </Stack>
  );
}
