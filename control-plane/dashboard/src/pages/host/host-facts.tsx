/** What a host is and how it stands, as far as it or the server says so. */
import { getApi } from "@remotegpu/control-plane/client/generated/api";
import type { Host } from "@remotegpu/control-plane/client/generated/api.schemas";
import type { TFunction } from "i18next";
import { Fragment, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { type Fact, Facts } from "../../components/facts.tsx";
import { NameList, NameText } from "../../components/text/name-text.tsx";
import { NotReported } from "../../components/text/not-reported.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { bytesText } from "../../components/text/size-text.ts";
import { DrillText } from "./drill-text.tsx";
import { UpgradeText } from "./upgrade-text.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";

const MS_PER_SECOND = 1_000;

export function HostFacts({ host }: { host: Host }) {
  const { t } = useTranslation("host");
  const server = useApi(getApi(), { isLive: false });
  const used = (part: number, whole: number) =>
    t("facts.used", { used: bytesText(part) ?? "", total: bytesText(whole) ?? "" });
  const labels = Object.entries(host.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const facts: Fact[] = [
    [t("facts.id"), host.id],
    [t("facts.hostname"), host.hostname],
    [t("facts.address"), <AddressText key="address" host={host} />, t("definition.address")],
    [
      t("facts.state"),
      <>
        <StatusBadge status={host.connection} /> <StatusBadge status={host.health_status} />{" "}
        {host.cordoned && <StatusBadge status="cordoned" />}
      </>,
    ],
    ...(host.status_reason === null
      ? []
      : [row(t("facts.why"), <ReasonText of={host} field="status_reason" />)]),
    ...(host.cordon_reason === null
      ? []
      : [row(t("facts.cordon"), <NameText>{host.cordon_reason}</NameText>)]),
    ...(host.drain_deadline_at === null
      ? []
      : [row(t("facts.drain"), <AgeText at={host.drain_deadline_at} />)]),
    [t("facts.heard"), <AgeText key="heard" at={host.last_heartbeat} />, t("definition.heard")],
    [t("facts.clock"), clockText(host.clock_offset_ms, t), t("definition.clock")],
    [
      t("facts.agent"),
      host.agent_version === null
        ? null
        : t("facts.agentValue", { agent: host.agent_version, server: server.data?.version ?? "…" }),
    ],
    ...(host.agent_upgrade === null
      ? []
      : [row(t("facts.upgrade"), <UpgradeText upgrade={host.agent_upgrade} />)]),
    ...(host.drill === null && host.drill_detail === null
      ? []
      : [row(t("facts.drill"), <DrillText host={host} />)]),
    [
      t("facts.way"),
      host.tunnel_detail === null ? null : <ReasonText key="way" of={host} field="tunnel_detail" />,
      t("definition.way"),
    ],
    [t("facts.system"), [host.os_type, host.os_version, host.arch].filter(Boolean).join(" ") || null],
    [t("facts.cpu"), t("facts.used", { used: host.used_cpu, total: host.total_cpu }), t("definition.cpu")],
    [t("facts.memory"), used(host.used_memory, host.total_memory), t("definition.memory")],
    [t("facts.disk"), used(host.used_disk, host.total_disk), t("definition.disk")],
    [t("facts.instances"), host.instance_count, t("definition.instances")],
    [
      t("facts.generation"),
      t("facts.generationValue", { applied: host.applied_generation, wanted: host.generation }),
      t("definition.generation"),
    ],
    [t("facts.journal"), <JournalText key="journal" host={host} />, t("definition.journal")],
    [
      t("facts.pool"),
      host.pool_reason === null ? (
        host.storage_pool
      ) : (
        <Fragment key="pool">
          {host.storage_pool}. <ReasonText of={host} field="pool_reason" />
        </Fragment>
      ),
      t("definition.pool"),
    ],
    [t("facts.labels"), labels.length === 0 ? "–" : <NameList key="labels" names={labels} />],
    ...(host.degraded.length === 0 ? [] : [row(t("facts.degraded"), host.degraded.join(", "))]),
  ];
  return <Facts facts={facts} />;
}

/** Whether it is the host's own stands beside it. */
function AddressText({ host }: { host: Host }) {
  const { t } = useTranslation("host");
  const { public_ip: visible, ip_address: reported, address_confirmed_by: by } = host;
  return (
    <span data-address={by ?? "unconfirmed"}>
      {visible ?? reported} ({by === null ? t("facts.unconfirmed") : t(`facts.confirmedBy.${by}`)})
    </span>
  );
}

/** Of a host that does not tell, null. */
function clockText(offsetMs: number | null, t: TFunction<"host">): string | null {
  if (offsetMs === null) return null;
  const ms = Math.abs(offsetMs);
  const size =
    ms < MS_PER_SECOND
      ? t("facts.clockMs", { ms })
      : t("facts.clockS", { s: (ms / MS_PER_SECOND).toFixed(1) });
  if (ms === 0) return size;
  return t(offsetMs > 0 ? "facts.clockAhead" : "facts.clockBehind", { size });
}

/** What it has written of what was used, against what was taken of it. */
function JournalText({ host: { journal, pending_usage_rows: pending } }: { host: Host }) {
  const { t } = useTranslation("host");
  if (journal === null || journal.head_seq === null) return <NotReported />;
  const place = { watermark: journal.watermark, head: journal.head_seq };
  return pending === 0
    ? t("facts.journalIngested", place)
    : t("facts.journalBehind", { count: pending, ...place });
}

function row(label: string, value: ReactNode): [string, ReactNode] {
  return [label, value];
}
