/** What can be done to a host: out of service and back, empty, upgraded, and out of the fleet's trust. */
import type { StreamTopic } from "@remotegpu/control-plane/client/stream-topics";
import { revokeHost } from "@remotegpu/control-plane/client/generated/api";
import type { Host } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Code, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "../../api/use-api.ts";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { HostActions } from "../fleet/host-actions.tsx";
import { useHolders } from "./host-instances.tsx";

/** A CA of our own is there where its installation put it; a public one needs no word. */
const WITH_CA = "$([ -e /etc/remotegpu/ca.pem ] && echo --cacert /etc/remotegpu/ca.pem) ";

interface HostActionsOf {
  host: Host;
  topics: readonly StreamTopic[];
}

export function HostActionsPanel({ host, topics }: HostActionsOf) {
  const { t } = useTranslation("host");
  const holders = useHolders({ hostId: host.id, topics });
  const [isRevoking, setRevoking] = useState(false);
  const revoke = useAction(() => revokeHost(host.id, {}));
  const line = `curl -fsS ${location.protocol === "https:" ? WITH_CA : ""}${location.origin}/install.sh | sh`;
  return (
    <Panel title={t("acts.title")}>
      <Stack gap="sm">
        <HostActions
          host={{ id: host.id, name: host.name, cordoned: host.cordoned, instanceCount: host.instance_count }}
          holders={holders}
        />
        <Text size="sm">{t("acts.upgrade")}</Text>
        <Code block tabIndex={0}>
          {line}
        </Code>
        <Group>
          <CopyButton text={line} />
          {host.revoked_at === null && (
            <Button size="compact-sm" color="red" onClick={() => setRevoking(true)}>
              {t("acts.revoke")}
            </Button>
          )}
        </Group>
      </Stack>
      <ConfirmDialog
        title={t("acts.revokeTitle", { name: host.name })}
        isOpen={isRevoking}
        onClose={() => setRevoking(false)}
        onConfirm={() => revoke.mutateAsync()}
        confirm={t("acts.revoke")}
        isBusy={revoke.isPending}
        error={revoke.error}
        stops={[t("acts.revokeStops")]}
        keeps={[t("acts.revokeKept")]}
        charged={[t("acts.revokeCharged")]}
      />
    </Panel>
  );
}
