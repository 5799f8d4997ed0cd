/** The ways in: for each service a card with what to do, or why there is none. */
import { getEnvironmentAccess, renewEnvironmentAccess } from "@remotegpu/control-plane/client/generated/api";
import { Button, SimpleGrid } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { POLL_MS } from "../../../api/query-client.ts";
import { serverNow } from "../../../api/server-clock.ts";
import { useAction, useApi } from "../../../api/use-api.ts";
import { Failure, Panel } from "../../../components/page/panel.tsx";
import { type Environment, workloadOf } from "../one/environment.ts";
import { CustomPortCard, RdpCard, SshCard, VscodeCard, WebCard } from "./access-cards.tsx";
import type { AccessMethod } from "./access-method.ts";

/** So long after its start its services come up one by one. */
const NEW_MS = 60_000;
const SOON_MS = 2_000;

export function AccessPanel({ environment }: { environment: Environment }) {
  const { t } = useTranslation("environments");
  const workload = workloadOf(environment.id);
  const isRunning = environment.status === "running";
  const isNew = isRunning && serverNow() - Date.parse(environment.status_since ?? "") < NEW_MS;
  // What answers by now, and what was used when, is told by no change; what was just begun answers soon.
  const access = useApi(getEnvironmentAccess(environment.id), {
    topics: workload.topics,
    isMoving: true,
    everyMs: isNew ? SOON_MS : POLL_MS,
  });
  const renew = useAction(() => renewEnvironmentAccess(environment.id));
  const hasLost = access.data?.services.some(({ state }) => state === "released") ?? false;
  return (
    <Panel
      title={t("access.title")}
      definition={t("access.definition")}
      from={access}
      actions={
        isRunning &&
        hasLost && (
          <Button size="xs" variant="default" onClick={() => renew.mutate()} loading={renew.isPending}>
            {t("access.renew")}
          </Button>
        )
      }
    >
      {({ services }) => (
        <>
          {renew.error !== null && <Failure why={renew.error} isAct />}
          <Cards environment={environment} services={services} />
        </>
      )}
    </Panel>
  );
}

function Cards({ environment, services }: { environment: Environment; services: readonly AccessMethod[] }) {
  const routeTo = (service: AccessMethod["service"]) =>
    services.find((accessMethod) => accessMethod.service === service) ?? null;
  const of = { environment };
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }}>
      <SshCard {...of} accessMethod={routeTo("ssh")} />
      <VscodeCard {...of} accessMethod={routeTo("ssh")} />
      <WebCard {...of} service="jupyter" accessMethod={routeTo("jupyter")} />
      <WebCard {...of} service="terminal" accessMethod={routeTo("terminal")} />
      <WebCard {...of} service="tensorboard" accessMethod={routeTo("tensorboard")} />
      <RdpCard {...of} accessMethod={routeTo("rdp")} />
      {services
        .filter(({ service }) => service === "custom")
        .map((accessMethod) => (
          <CustomPortCard key={accessMethod.internal_port} {...of} accessMethod={accessMethod} />
        ))}
    </SimpleGrid>
  );
}
