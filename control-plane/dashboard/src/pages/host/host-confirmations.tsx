/**
 * What of a host waits for an administrator's word: whether the address that it reports is its own, and whether it belongs to
 * the storage pool that it says.
 */
import { confirmHostAddress, confirmHostPool } from "@remotegpu/control-plane/client/generated/api";
import type {
  ConfirmPool as ConfirmPoolBody,
  Host,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { Alert, Button, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "../../api/use-api.ts";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { FormFields } from "../../components/form/fields.tsx";
import { useForm } from "../../components/form/use-form.ts";
import { ReasonText } from "../../components/text/reason-text.tsx";

interface ConfirmationOf {
  host: Host;
}

/** Nothing where nothing waits. */
export function HostConfirmations({ host }: ConfirmationOf) {
  const { t } = useTranslation("host");
  if (host.revoked_at !== null) return null;
  const isPoolOpen = host.claimed_storage_pool !== null || host.pool_state !== "trusted";
  return (
    <Stack gap="xs">
      {host.address_confirmed_by === null && (
        <Alert variant="light" title={t("confirm.address")} data-unconfirmed="address">
          <Text size="sm">
            <ReasonText of={host} field="address_detail" /> {t("confirm.addressMeans")}
          </Text>
          <ConfirmAddress host={host} />
        </Alert>
      )}
      {isPoolOpen && (
        <Alert variant="light" title={t("confirm.pool")} data-unconfirmed="pool">
          <Text size="sm">
            <ReasonText of={host} field="pool_reason" />
          </Text>
          <ConfirmPool host={host} />
        </Alert>
      )}
    </Stack>
  );
}

function ConfirmAddress({ host }: ConfirmationOf) {
  const { t } = useTranslation("host");
  const [isOpen, setOpen] = useState(false);
  const address = host.ip_address;
  const act = useAction(() => confirmHostAddress(host.id, { address }));
  return (
    <>
      <Button mt="xs" size="compact-sm" variant="default" onClick={() => setOpen(true)}>
        {t("confirm.addressAct", { address })}
      </Button>
      <ConfirmDialog
        title={t("confirm.addressTitle", { name: host.name, address })}
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        onConfirm={() => act.mutateAsync()}
        confirm={t("confirm.yes")}
        isBusy={act.isPending}
        error={act.error}
        stops={[]}
        keeps={[t("confirm.addressKept")]}
        charged={[]}
      >
        <Text size="sm">{t("confirm.addressAsks")}</Text>
      </ConfirmDialog>
    </>
  );
}

function ConfirmPool({ host }: ConfirmationOf) {
  const { t } = useTranslation("host");
  const [isOpen, setOpen] = useState(false);
  const { id, name, claimed_storage_pool: claimed, storage_pool: trusted } = host;
  const form = useForm({
    request: (body: ConfirmPoolBody) => confirmHostPool(id, body),
    fields: [
      {
        path: "storage_pool",
        kind: "text",
        empty: "",
        label: t("confirm.poolName"),
        hint: t("confirm.poolAsks", { id }),
      },
    ],
    base: { storage_pool: claimed ?? trusted },
  });
  return (
    <>
      <Button mt="xs" size="compact-sm" variant="default" onClick={() => setOpen(true)}>
        {t("confirm.poolAct")}
      </Button>
      <ConfirmDialog
        title={t("confirm.poolTitle", { name })}
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        onConfirm={form.send}
        confirm={t("confirm.yes")}
        isBusy={form.isPending}
        error={form.error}
        stops={[]}
        keeps={[t("confirm.poolKept")]}
        charged={[]}
      >
        <FormFields form={form} />
      </ConfirmDialog>
    </>
  );
}
