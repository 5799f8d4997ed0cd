/** Who is in it now; a session is ended by hand. */
import type { AccessSession } from "@remotegpu/control-plane/client/generated/api.schemas";
import {
  endEnvironmentSession,
  listEnvironmentSessions,
} from "@remotegpu/control-plane/client/generated/api";
import { Button, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "../../../api/use-api.ts";
import { AgeText } from "../../../components/text/age-text.tsx";
import { ConfirmDialog } from "../../../components/confirm-dialog.tsx";
import { NameText } from "../../../components/text/name-text.tsx";
import { type Column, PageTable } from "../../../components/page/page-table.tsx";
import { workloadOf } from "../one/environment.ts";

export function WhoIsIn({ id }: { id: string }) {
  const { t } = useTranslation("environments");
  const workload = workloadOf(id);
  const [ending, setEnding] = useState<AccessSession | null>(null);
  const end = useAction((session: number) => endEnvironmentSession(id, session));
  const columns: Column<AccessSession>[] = [
    {
      title: t("sessions.who"),
      cell: (session) => <NameText>{whoOf(session) ?? t("sessions.unknown")}</NameText>,
    },
    {
      title: t("sessions.how"),
      cell: ({ service_type, client_address }) => (
        <>
          {service_type}
          <Text size="xs" c="dimmed">
            {client_address}
          </Text>
        </>
      ),
    },
    { title: t("sessions.since"), cell: ({ opened_at }) => <AgeText at={opened_at} /> },
    {
      title: t("sessions.act"),
      cell: (session) =>
        session.cut_at === null ? (
          <Button size="compact-xs" variant="default" onClick={() => setEnding(session)}>
            {t("sessions.end")}
          </Button>
        ) : (
          t("sessions.ending")
        ),
    },
  ];
  return (
    <>
      <PageTable
        title={t("sessions.title")}
        definition={t("sessions.definition")}
        list={listEnvironmentSessions(id)}
        topics={workload.topics}
        columns={columns}
        keyOf={(session) => session.id}
        empty={t("sessions.empty")}
      />
      <ConfirmDialog
        title={t("sessions.endTitle")}
        isOpen={ending !== null}
        onClose={() => {
          end.reset();
          setEnding(null);
        }}
        onConfirm={async () => (ending === null ? undefined : await end.mutateAsync(ending.id))}
        confirm={t("sessions.end")}
        isBusy={end.isPending}
        error={end.error}
        stops={[t("sessions.stops")]}
        keeps={[t("sessions.kept")]}
        charged={[t("sessions.charged")]}
      />
    </>
  );
}

function whoOf({ login }: AccessSession): string | null {
  if (login === null) return null;
  const name = login.username ?? login.key_fingerprint;
  return login.key_name === null ? name : `${name ?? ""} (${login.key_name})`;
}
