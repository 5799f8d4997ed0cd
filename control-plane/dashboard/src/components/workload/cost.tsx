/** What a workload has cost so far and costs an hour, as the server counts it: it tells both again while they grow. */
import type { WorkloadWaiver } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Text, Tooltip } from "@mantine/core";
import { useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { StreamEvents } from "@remotegpu/control-plane/client/stream-topics";
import { serverNow } from "../../api/server-clock.ts";
import { useValues } from "../../live/live.tsx";
import { wantTopics } from "../../live/wanted.ts";
import { Money } from "../text/money.tsx";
import { FreeNow } from "./waivers.tsx";

export interface Cost {
  /** Null where the key may not see money. */
  cost_so_far?: string | null;
  rate_per_hour?: string | null;
  waivers?: readonly WorkloadWaiver[] | null;
}

/** The stream tells nothing of waivers. */
type ReportedCost = StreamEvents["cost"][number];

/** The newest that is known: told by the stream since `asked` was answered, with when; or `asked`. */
export function useCost(id: string, requested: Cost): Cost & { at?: string } {
  const answer = `${requested.cost_so_far} ${requested.rate_per_hour}`;
  const [reported, setReported] = useState<{ cost: ReportedCost & { at: string }; since: string } | null>(
    null,
  );
  const listener = useCallback(
    (costs: readonly ReportedCost[]) => {
      const cost = costs.find((one) => one.id === id);
      if (cost !== undefined)
        setReported({ cost: { ...cost, at: new Date(serverNow()).toISOString() }, since: answer });
    },
    [id, answer],
  );
  useValues("cost", listener);
  useEffect(() => wantTopics(["cost"]), []);
  return reported?.since === answer ? { ...requested, ...reported.cost } : requested;
}

export function CostText({ id, requested }: { id: string; requested: Cost }) {
  const { t } = useTranslation("workload");
  const { cost_so_far, rate_per_hour, waivers } = useCost(id, requested);
  return (
    <Tooltip label={t("cost.definition")} multiline maw={320}>
      <div
        data-cost={cost_so_far ?? ""}
        // So that who has no mouse comes to the hint.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
      >
        <Money points={cost_so_far} />
        {rate_per_hour !== null && rate_per_hour !== undefined && (
          <Text size="sm" c="dimmed" span display="block">
            <Money points={rate_per_hour} /> {t("cost.perHour")}
          </Text>
        )}
        <FreeNow waivers={waivers} />
      </div>
    </Tooltip>
  );
}
