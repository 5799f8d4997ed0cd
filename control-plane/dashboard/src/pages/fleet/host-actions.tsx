/** Taking a host out of service and back: who is hit is shown before anything is done. */
import { cordonHost, drainHost, uncordonHost } from "@remotegpu/control-plane/client/generated/api";
import type { Drain } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "../../api/use-api.ts";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import type { Field } from "../../components/form/field.ts";
import { FormFields } from "../../components/form/fields.tsx";
import { useForm } from "../../components/form/use-form.ts";
import { Failure } from "../../components/page/panel.tsx";
import { HolderLinks } from "./holder-links.tsx";
import type { MapCard } from "./map/map-rows.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DEADLINES = [0, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY] as const;

interface HostActionsOf {
  host: { id: string; name: string; cordoned: boolean; instanceCount: number | null };
  /** Who has a card of it. */
  holders: MapCard["holders"];
}

export function HostActions({ host, holders }: HostActionsOf) {
  const { t } = useTranslation("fleet");
  const [isDraining, setDraining] = useState(false);
  const verb = host.cordoned ? "uncordon" : "cordon";
  const cordon = useAction(() => (host.cordoned ? uncordonHost : cordonHost)(host.id, {}));
  return (
    <>
      <Group gap="xs">
        <Button
          size="compact-md"
          variant="default"
          loading={cordon.isPending}
          onClick={() => cordon.mutate()}
        >
          {t(`host.${verb}`)}
        </Button>
        <Button size="compact-md" color="red" onClick={() => setDraining(true)}>
          {t("host.drain")}
        </Button>
      </Group>
      {!host.cordoned && (
        <Text size="sm" c="dimmed">
          {t("host.goesOn")}
        </Text>
      )}
      {cordon.error !== null && <Failure why={cordon.error} isAct />}
      <DrainDialog isOpen={isDraining} onClose={() => setDraining(false)} host={host} holders={holders} />
    </>
  );
}

interface DrainDialogOf extends HostActionsOf {
  isOpen: boolean;
  onClose: () => void;
}

function DrainDialog({ isOpen, onClose, host, holders }: DrainDialogOf) {
  const { t } = useTranslation("fleet");
  const form = useForm({ request: (body: Drain) => drainHost(host.id, body), fields: useDrainFields() });
  return (
    <ConfirmDialog
      title={t("host.drainTitle", { host: host.name })}
      isOpen={isOpen}
      onClose={onClose}
      onConfirm={form.send}
      confirm={t("host.drain")}
      isBusy={form.isPending}
      error={form.error}
      stops={[t("host.stops")]}
      keeps={[t("host.kept")]}
      charged={[t("host.charged")]}
    >
      <div data-hit>
        <Text fw={600} size="sm">
          {t("host.hit")}
        </Text>
        {holders.length === 0 ? (
          <Text size="sm">{t("host.hitNobody")}</Text>
        ) : (
          <HolderLinks holders={holders} />
        )}
        {host.instanceCount !== null && host.instanceCount > 0 && (
          <Text size="sm" c="dimmed">
            {t("host.hitMore", { count: host.instanceCount })}
          </Text>
        )}
      </div>
      <FormFields form={form} />
    </ConfirmDialog>
  );
}

function useDrainFields(): Field<Drain>[] {
  const { t } = useTranslation("fleet");
  const reported = (value: number) => {
    if (value === 0) return t("host.now");
    if (value < HOUR) return t("host.inMinutes", { count: value / MINUTE });
    return value < DAY
      ? t("host.inHours", { count: value / HOUR })
      : t("host.inDays", { count: value / DAY });
  };
  return [
    {
      path: "deadline_seconds",
      kind: "number",
      label: t("host.deadline"),
      choices: DEADLINES.map((value) => ({
        value: value === 0 ? "" : String(value),
        label: reported(value),
      })),
    },
    { path: "reason", kind: "text", label: t("host.reason"), maxLength: 500 },
  ];
}
