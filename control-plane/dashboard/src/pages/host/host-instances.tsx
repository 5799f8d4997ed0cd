/** What runs on a host: whose it is, which cards and which ports it has there. */
import type { StreamTopic } from "@remotegpu/control-plane/client/stream-topics";
import { listHostInstances } from "@remotegpu/control-plane/client/generated/api";
import type { InstanceOnHost } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { usePages } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { NotReported } from "../../components/text/not-reported.tsx";
import { PageTable } from "../../components/page/page-table.tsx";
import { bytesText } from "../../components/text/size-text.ts";
import { StatusBadge } from "../../components/status-badge.tsx";
import { HolderLinks } from "../fleet/holder-links.tsx";
import type { MapCard } from "../fleet/map/map-rows.ts";

const BYTES_OF_MIB = 2 ** 20;

interface Whose {
  hostId: string;
  topics: readonly StreamTopic[];
}

/** One request for the table and for who is hit by a drain. */
const instancesOf = ({ hostId, topics }: Whose) =>
  ({ list: listHostInstances(hostId, { limit: 200 }), topics, isMoving: true }) as const;

/** Each workload once. */
export function useHolders(whose: Whose): MapCard["holders"] {
  const { list, ...freshness } = instancesOf(whose);
  const items = usePages(list, freshness).data?.pages.flatMap((page) => page.items) ?? [];
  return [...new Map(items.map((one) => [`${one.kind}/${one.workload_id}`, holderOf(one)])).values()];
}

export function HostInstances(whose: Whose) {
  const { t } = useTranslation("host");
  return (
    <PageTable
      title={t("instances.title")}
      definition={t("instances.definition")}
      empty={t("instances.empty")}
      {...instancesOf(whose)}
      columns={[
        {
          title: t("instances.workload"),
          cell: (one) => (
            <>
              <HolderLinks holders={[holderOf(one)]} />
              <Text size="sm" c="dimmed">
                {t(`instances.kind.${one.kind}`, { rank: one.rank })}
              </Text>
            </>
          ),
        },
        { title: t("instances.owner"), cell: ({ owner_username: owner }) => owner ?? <NotReported /> },
        { title: t("instances.state"), cell: ({ state }) => <StatusBadge status={state} /> },
        {
          title: t("instances.gpus"),
          cell: ({ gpus }) =>
            gpus.length === 0 ? "–" : gpus.map((gpu) => <div key={gpu.uuid}>{gpuText(gpu)}</div>),
        },
        {
          title: t("instances.leases"),
          cell: ({ leases }) =>
            leases.length === 0
              ? "–"
              : leases.map((lease) => (
                  <div key={`${lease.service_type} ${lease.internal_port} ${lease.external_port}`}>
                    {leaseText(lease)} {lease.state !== "held" && <StatusBadge status={lease.state} />}
                  </div>
                )),
        },
        {
          title: t("instances.since"),
          cell: ({ placed_at: at }) => <AgeText at={at} />,
          isWide: true,
        },
      ]}
      keyOf={({ id }) => id}
    />
  );
}

function holderOf({ kind, workload_id: id, name }: InstanceOnHost): MapCard["holders"][number] {
  return { kind, id, name };
}

/** A slice has its size. */
function gpuText({ gpu_index: index, memory_mib: mib }: InstanceOnHost["gpus"][number]): string {
  return mib === null ? `GPU ${index}` : `GPU ${index} (${bytesText(mib * BYTES_OF_MIB) ?? ""})`;
}

/** `ssh 22 → 30512`: the port inside, and the host's, once it has one. */
function leaseText({
  service_type: service,
  internal_port: inside,
  external_port: port,
}: InstanceOnHost["leases"][number]) {
  return port === null ? `${service} ${inside}` : `${service} ${inside} → ${port}`;
}
