/** One host: what it is, its cards now and over time, what runs there and whose it is, what happened, and what can be done. */
import { getHost } from "@remotegpu/control-plane/client/generated/api";
import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { useAddressId } from "../../components/filters.ts";
import { NotFound } from "../../components/page/not-found.tsx";
import { isNotFound } from "../../components/page/one-of.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { HostActionsPanel } from "./host-actions-panel.tsx";
import { HostCards } from "./host-cards.tsx";
import { HostConfirmations } from "./host-confirmations.tsx";
import { HostEvents } from "./host-events.tsx";
import { HostFacts } from "./host-facts.tsx";
import { HostInstances } from "./host-instances.tsx";

export default function HostPage() {
  const { t } = useTranslation("host");
  const id = useAddressId();
  const topics = [`host:${id}`, "fleet"] as const;
  // Its clock and its journal go on without a word.
  const host = useApi(getHost(id), { topics, isMoving: true });
  if (isNotFound(host.error)) return <NotFound />;
  return (
    <>
      <PageHead title={t("title", { name: host.data?.name ?? id })} />
      <Panel title={t("facts.title")} from={host}>
        {(data) => <HostFacts host={data} />}
      </Panel>
      {host.data !== undefined && (
        <Stack mt="md">
          <HostConfirmations host={host.data} />
          <HostCards hostId={id} topics={topics} />
          <HostInstances hostId={id} topics={topics} />
          <HostActionsPanel host={host.data} topics={topics} />
          <HostEvents hostId={id} topics={topics} />
        </Stack>
      )}
    </>
  );
}
