/** Links for people without an account: listed, and each ended by its button. */
import type { WebShare } from "@remotegpu/control-plane/client/generated/api.schemas";
import { endEnvironmentShare, listEnvironmentShares } from "@remotegpu/control-plane/client/generated/api";
import { Button } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "../../../api/use-api.ts";
import { AgeText } from "../../../components/text/age-text.tsx";
import { ConfirmDialog } from "../../../components/confirm-dialog.tsx";
import { type Column, PageTable } from "../../../components/page/page-table.tsx";
import { type Environment, workloadOf } from "../one/environment.ts";
import { NewShare } from "./new-share.tsx";

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
