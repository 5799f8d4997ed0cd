/** Where it stands, in a sentence, and its figures. */
import { Group, SimpleGrid, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useMe } from "../../../session/session.tsx";
import { AgeText } from "../../../components/text/age-text.tsx";
import { Figure } from "../../../components/figure.tsx";
import { Money } from "../../../components/text/money.tsx";
import { NameText } from "../../../components/text/name-text.tsx";
import { PageLink } from "../../../components/page/page-link.tsx";
import { Panel } from "../../../components/page/panel.tsx";
import { ReasonText } from "../../../components/text/reason-text.tsx";
import { bytesText } from "../../../components/text/size-text.ts";
import { StatusBadge } from "../../../components/status-badge.tsx";
import { useCost } from "../../../components/workload/cost.tsx";
import { FreeNow } from "../../../components/workload/waivers.tsx";
import { type Environment } from "./environment.ts";
import { IdleText } from "./idle-text.tsx";

interface StatusOf {
  environment: Environment;
  /** When this was told. */
  at: string;
}

export function StatusSummary({ environment, at }: StatusOf) {
  const { t } = useTranslation("environments");
  const { status, status_reason: reason, status_deadline_at: deadline, restarts } = environment;
  return (
    <Panel title={t("one.standing")}>
      <Group gap="xs" mb="xs">
        <StatusBadge status={status} />
        <Text span size="sm" c="dimmed">
          {t("one.since")} <AgeText at={environment.status_since} />
        </Text>
        {deadline !== null && (
          <Text span size="sm" c="dimmed">
            {t("one.deadline")} <AgeText at={deadline} />
          </Text>
        )}
      </Group>
      {reason !== null && reason !== "" && (
        <Text data-reason style={{ overflowWrap: "anywhere" }}>
          <ReasonText of={environment} field="status_reason" />
        </Text>
      )}
      {environment.description !== null && (
        <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          <NameText>{environment.description}</NameText>
        </Text>
      )}
      {restarts !== null && restarts.count > 0 && (
        <Text size="sm" component="div">
          {t("one.restarts", { count: restarts.count })} <AgeText at={restarts.last_at} />
          {restarts.looping_since !== null && ` ${t("one.looping")}`}
        </Text>
      )}
      <IdleText environment={environment} />
      <Figures environment={environment} at={at} />
    </Panel>
  );
}

function Figures({ environment, at }: StatusOf) {
  const { t } = useTranslation(["environments", "workload"]);
  const { isAdmin } = useMe();
  const { host_id: hostId, host_name: hostName } = environment;
  const cost = useCost(environment.id, environment);
  const place = hostName === null ? t("one.nowhere") : <NameText>{hostName}</NameText>;
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} mt="sm">
      <div data-cost={cost.cost_so_far ?? ""}>
        <Figure
          at={cost.at ?? at}
          label={t("workload:cost.title")}
          definition={t("workload:cost.definition")}
          value={isNothing(cost.cost_so_far) ? null : <Money points={cost.cost_so_far} />}
        />
      </div>
      <Figure
        at={cost.at ?? at}
        label={t("workload:cost.rate")}
        definition={t("workload:cost.rateDefinition")}
        value={isNothing(cost.rate_per_hour) ? null : <Money points={cost.rate_per_hour} />}
        below={
          isNothing(cost.rate_per_hour) ? undefined : (
            <>
              {t("workload:cost.perHour")}
              <FreeNow waivers={cost.waivers} />
            </>
          )
        }
      />
      <Figure
        label={t("one.place")}
        definition={t("one.placeIs")}
        value={isAdmin && hostId !== null ? <PageLink to={`/hosts/${hostId}`}>{place}</PageLink> : place}
        below={
          environment.storage_pool === null ? undefined : <NameText>{environment.storage_pool}</NameText>
        }
      />
      <Figure
        label={t("one.size")}
        definition={t("one.sizeIs")}
        value={sizeText(environment, t)}
        below={<NameText>{environment.image}</NameText>}
      />
    </SimpleGrid>
  );
}

function isNothing(points: string | null | undefined): boolean {
  return points === null || points === undefined;
}

type Words = (key: "one.sizeText", values: { gpu: number; cpu: number; memory: string }) => string;

function sizeText({ gpu, cpu, memory }: Environment, t: Words): string {
  return t("one.sizeText", { gpu, cpu, memory: bytesText(memory) ?? "" });
}
