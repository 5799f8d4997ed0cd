/** The order of a service, with what each replica would cost and whether there is room for it. */
import { estimateOrder, orderInferenceService } from "@remotegpu/control-plane/client/generated/api";
import type {
  EstimateWish,
  NewInferenceService,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { OrderPanel } from "../../components/form/order-panel.tsx";
import { useForm } from "../../components/form/use-form.ts";
import { useTrial } from "../../components/form/use-trial.ts";
import { useWorkspaceChoices } from "../../components/form/workspace-choices.ts";
import { PageHead } from "../../components/page/page-head.tsx";
import { useGo } from "../../components/page/page-link.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { Money } from "../../components/text/money.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { useServiceFields } from "./service-fields.ts";

const MINUTES_OF_HOUR = 60;

export function ServiceOrder() {
  const { t } = useTranslation("inference");
  const go = useGo();
  const { main, more } = useServiceFields(useWorkspaceChoices());
  const form = useForm({
    request: orderInferenceService,
    fields: [...main, ...more],
    onDone: ({ id }) => go(`/inference/${encodeURIComponent(id)}`),
  });
  return (
    <Stack>
      <PageHead title={t("order.title")} />
      <OrderPanel form={form} title={t("order.title")} main={main} more={more} list="/inference" />
      {form.isReadable && <ServiceEstimate body={form.body} />}
    </Stack>
  );
}

function ServiceEstimate({ body }: { body: NewInferenceService }) {
  const { t } = useTranslation("inference");
  const isComplete = "cpu" in body && "memory" in body;
  const estimate = useTrial(isComplete ? estimateOrder(estimateOf(body)) : null);
  return (
    <Panel title={t("estimate.title")} definition={t("estimate.definition")} from={estimate}>
      {(loaded) => (
        <>
          <Text fw={600} data-estimate>
            {t("estimate.each")} <Money points={loaded.per_hour} />
          </Text>
          <Text>
            {t("estimate.all", { count: loaded.instances })} <Money points={loaded.amount} />
          </Text>
          <Text>
            <ReasonText of={loaded} field="fits_reason" />
          </Text>
        </>
      )}
    </Panel>
  );
}

/** What the estimate takes of an order. */
function estimateOf({
  cpu,
  memory,
  gpu,
  gpu_memory,
  min_replicas: min,
  config,
}: NewInferenceService): EstimateWish {
  const model = config?.gpu_model;
  return {
    cpu,
    memory,
    gpu,
    gpu_memory,
    ...(model !== undefined && { gpu_model: model }),
    minutes: MINUTES_OF_HOUR,
    instances: typeof min === "number" && min > 0 ? min : 1,
  };
}
