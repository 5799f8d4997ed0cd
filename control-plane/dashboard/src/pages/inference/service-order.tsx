/** The order of a service, with what each replica would cost and whether there is room for it. */
import { estimateOrder, orderInferenceService } from "@remotegpu/control-plane/client/generated/api";
import type {
  EstimateWish,
  NewInferenceService,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Group, Paper, Stack, Text } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "../../api/use-api.ts";
import { bodyOf, type Draft } from "../../components/form/draft.ts";
import { Fields } from "../../components/form/fields.tsx";
import { useSettled } from "../../components/form/use-settled.ts";
import { useTried } from "../../components/form/use-tried.ts";
import { useWorkspaceChoices } from "../../components/form/workspace-choices.ts";
import { Money } from "../../components/text/money.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageLink, useGo } from "../../components/page/page-link.tsx";
import { Failure, Panel } from "../../components/page/panel.tsx";
import { useServiceFields } from "./service-fields.ts";
import { ServerText } from "../../components/text/server-text.tsx";

const TYPING_MS = 600;
const MINUTES_OF_HOUR = 60;

export function ServiceOrder() {
  const { t } = useTranslation(["inference", "work"]);
  const go = useGo();
  const { main, more } = useServiceFields(useWorkspaceChoices());
  const [draft, setDraft] = useState<Draft>({});
  const order = useAction(orderInferenceService);
  const { body, unread } = bodyOf<NewInferenceService>([...main, ...more], draft);
  const isReadable = Object.keys(unread).length === 0;
  const visible = {
    draft,
    unread,
    error: order.error,
    onChange: (path: string, text: string) => setDraft((before) => ({ ...before, [path]: text })),
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isReadable) return;
    void order.mutateAsync(body).then(
      ({ id }) => go(`/inference/${encodeURIComponent(id)}`),
      () => {
        // Shown by `error`.
      },
    );
  };
  return (
    <Stack>
      <PageHead title={t("order.title")} />
      <Paper withBorder p="md" component="form" onSubmit={submit} aria-label={t("order.title")}>
        <Stack>
          <Fields fields={main} {...visible} />
          <details>
            <summary>{t("form.advanced", { ns: "work" })}</summary>
            <Fields fields={more} {...visible} />
          </details>
          {order.error !== null && <Failure why={order.error} isAct />}
          <Group>
            <Button type="submit" loading={order.isPending} disabled={!isReadable}>
              {t("form.submit", { ns: "work" })}
            </Button>
            <PageLink to="/inference">{t("form.cancel", { ns: "work" })}</PageLink>
          </Group>
        </Stack>
      </Paper>
      {isReadable && <ServiceEstimate body={body} />}
    </Stack>
  );
}

function ServiceEstimate({ body }: { body: NewInferenceService }) {
  const { t } = useTranslation("inference");
  const settled = useSettled(estimateOf(body), TYPING_MS);
  const estimate = useTried("cpu" in body && "memory" in body ? estimateOrder(settled) : null);
  return (
    <Panel title={t("estimate.title")} definition={t("estimate.definition")} from={estimate}>
      {({ per_hour: perHour, amount, instances, fits_reason: room }) => (
        <>
          <Text fw={600} data-estimate>
            {t("estimate.each")} <Money points={perHour} />
          </Text>
          <Text>
            {t("estimate.all", { count: instances })} <Money points={amount} />
          </Text>
          <Text>
            <ServerText>{room}</ServerText>
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
