/** One order that waits, opened: what is done with it, what a phone's row leaves out, and what keeps it from each host. */
import { Box, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ServerText } from "../../components/text/server-text.tsx";
import { AgeText } from "../../components/text/age-text.tsx";
import { Facts } from "../../components/facts.tsx";
import { WhyPanel } from "../../components/workload/why-panel.tsx";
import { OrderActions } from "./order-actions.tsx";
import { SizeText } from "./size-text.tsx";
import { type Waiting, workloadOf } from "./waiting.ts";

export function OrderPart({ order }: { order: Waiting }) {
  const { t } = useTranslation("queue");
  return (
    <Stack gap="sm" data-opened={order.id}>
      {order.may_manage && <OrderActions order={order} />}
      <Box hiddenFrom="sm">
        <Facts
          facts={[
            [t("column.size"), <SizeText key="size" order={order} />],
            [t("column.priority"), order.priority],
            [t("column.waited"), <AgeText key="waited" at={order.queued_at} />],
          ]}
        />
      </Box>
      {order.share !== null && (
        <Facts facts={[[t("column.share"), <ShareText key="share" share={order.share} />]]} />
      )}
      <WhyPanel workload={workloadOf(order)} areHostsVisible />
    </Stack>
  );
}

function ShareText({ share: { code, params, sentence } }: { share: NonNullable<Waiting["share"]> }) {
  return (
    <ServerText code={code} params={{ ...params }}>
      {sentence}
    </ServerText>
  );
}
