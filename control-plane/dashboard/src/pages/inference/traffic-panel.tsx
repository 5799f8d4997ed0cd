/** What it answered in the last hour: how much, how fast, what failed, and what that cost. */
import { getServiceTraffic } from "@remotegpu/control-plane/client/generated/api";
import { SimpleGrid, Stack } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { Chart } from "../../components/charts/chart.tsx";
import { Figure } from "../../components/figure.tsx";
import { Money } from "../../components/text/money.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { CostText } from "../../components/workload/cost.tsx";
import {
  errorShare,
  minutesOf,
  requestsPerSecond,
  type Service,
  CHART_MINUTES,
  type Traffic,
} from "./service.ts";

export function TrafficPanel({ service }: { service: Service }) {
  const { t } = useTranslation("inference");
  // Asked every ten seconds: gateways write down what they counted, and nothing tells when.
  const traffic = useApi(getServiceTraffic(service.id, { limit: CHART_MINUTES }));
  return (
    <Panel title={t("traffic.title")} definition={t("traffic.definition")} from={traffic}>
      {(loaded) => (
        <Stack>
          <Figures traffic={loaded} service={service} />
          <Charts traffic={loaded} />
        </Stack>
      )}
    </Panel>
  );
}

function Figures({ traffic, service }: { traffic: Traffic; service: Service }) {
  const { t, i18n } = useTranslation("inference");
  const number = (value: number | null, digits = 1) =>
    value === null
      ? null
      : new Intl.NumberFormat(i18n.language, { maximumFractionDigits: digits }).format(value);
  const { total, cost, in_flight: inFlight, held } = traffic;
  const share = errorShare(total);
  const ms = (value: number | null) => (value === null ? null : `${number(value, 0)} ms`);
  const at = traffic.end_time;
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
      <Figure
        label={t("traffic.rate")}
        definition={t("traffic.rateIs")}
        value={number(requestsPerSecond(traffic), 2)}
        at={at}
      />
      <Figure
        label={t("traffic.took")}
        definition={t("traffic.tookIs")}
        value={total.took.p50_ms === null ? null : `${ms(total.took.p50_ms)} / ${ms(total.took.p95_ms)}`}
        at={at}
      />
      <Figure
        label={t("traffic.errors")}
        definition={t("traffic.errorsIs")}
        value={share === null ? null : `${number(share * 100)} %`}
        below={t("traffic.failed", { failed: total.status_5xx, requests: total.requests })}
        at={at}
      />
      <Figure
        label={t("traffic.tokens")}
        definition={t("traffic.tokensIs")}
        value={number(total.tokens_per_second)}
        at={at}
      />
      <Figure
        label={t("traffic.inFlight")}
        definition={t("traffic.inFlightIs")}
        value={inFlight}
        below={t("traffic.held", { count: held })}
        at={at}
      />
      <Figure
        label={t("traffic.perThousand")}
        definition={t("traffic.perThousandIs")}
        value={cost.per_thousand_requests === null ? null : <Money points={cost.per_thousand_requests} />}
        at={cost.until}
      />
      <Figure
        label={t("traffic.perMillion")}
        definition={t("traffic.perMillionIs")}
        value={cost.per_million_tokens === null ? null : <Money points={cost.per_million_tokens} />}
        at={cost.until}
      />
      <Figure
        label={t("traffic.cost")}
        definition={t("traffic.costIs")}
        value={<CostText id={service.id} requested={service} />}
      />
    </SimpleGrid>
  );
}

function Charts({ traffic }: { traffic: Traffic }) {
  const { t } = useTranslation("inference");
  const minutes = useMemo(() => minutesOf(traffic), [traffic]);
  const { times } = minutes;
  const rate = useMemo(
    () => [
      { label: t("traffic.rate"), values: minutes.requestsPerSecond },
      { label: t("traffic.failedLine"), values: minutes.errors.map((count) => count / 60) },
    ],
    [minutes, t],
  );
  const took = useMemo(
    () => [
      { label: "p50", values: minutes.p50 },
      { label: "p95", values: minutes.p95 },
    ],
    [minutes],
  );
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Chart title={t("traffic.rate")} times={times} lines={rate} unit="/s" />
      <Chart title={t("traffic.took")} times={times} lines={took} unit="ms" />
    </SimpleGrid>
  );
}
