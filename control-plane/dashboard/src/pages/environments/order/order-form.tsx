/** The order of an environment: what it is, how large, and beside it what that costs and whether there is room. */
import { createEnvironment } from "@remotegpu/control-plane/client/generated/api";
import { Button, SimpleGrid, Stack, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { newKey, Problem, send } from "../../../api/client.ts";
import { useGo } from "../../../components/page/page-link.tsx";
import { Failure, Panel } from "../../../components/page/panel.tsx";
import { addressOfEnvironment } from "../one/environment.ts";
import { DataFields } from "./data-fields.tsx";
import { type Draft, EMPTY_DRAFT, fieldOf, orderOf } from "./draft.ts";
import { EstimatePanel } from "./estimate-panel.tsx";
import { type Fields, ImageField, PlaceFields, ServiceFields, SizeFields } from "./fields.tsx";
import { StockPanel } from "./stock-panel.tsx";

export default function OrderForm() {
  const { t } = useTranslation("environments");
  const go = useGo();
  const [draft, setDraft] = useState<Draft>(EMPTY_DRAFT);
  const order = useOrder();
  const fields: Fields = {
    draft,
    change: (changed) => setDraft((before) => ({ ...before, ...changed })),
    errorOf: (field) => errorsAt(order.error, field),
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    order.mutate(draft, { onSuccess: ({ id }) => go(addressOfEnvironment(id)) });
  };
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      <form onSubmit={submit}>
        <Stack>
          <Panel title={t("order.what")}>
            <Stack gap="sm">
              <TextInput
                label={t("order.name")}
                required
                value={draft.name}
                onChange={(event) => fields.change({ name: event.currentTarget.value })}
                error={fields.errorOf("name")}
              />
              <ImageField {...fields} />
              <Textarea
                label={t("order.description")}
                autosize={false}
                value={draft.description}
                onChange={(event) => fields.change({ description: event.currentTarget.value })}
                error={fields.errorOf("description")}
              />
            </Stack>
          </Panel>
          <Panel title={t("order.size")}>
            <SizeFields {...fields} />
          </Panel>
          <Panel title={t("order.services")}>
            <ServiceFields {...fields} />
          </Panel>
          <Panel title={t("order.more")}>
            <PlaceFields {...fields} />
            <DataFields {...fields} />
          </Panel>
          {order.error !== null && !isAtFields(order.error) && <Failure why={order.error} isAct />}
          <Button type="submit" loading={order.isPending}>
            {t("order.submit")}
          </Button>
        </Stack>
      </form>
      <Stack>
        <EstimatePanel draft={draft} />
        <StockPanel
          onChoose={(model) => fields.change({ gpu_model: model, gpu: draft.gpu === "0" ? "1" : draft.gpu })}
        />
      </Stack>
    </SimpleGrid>
  );
}

/** Asked twice with the same order it is ordered once: the first answer may have been lost on its way. */
function useOrder() {
  const client = useQueryClient();
  const tried = useRef({ body: "", key: "" });
  return useMutation({
    mutationFn: async (draft: Draft) => {
      const body = orderOf(draft);
      const text = JSON.stringify(body);
      if (tried.current.body !== text) tried.current = { body: text, key: newKey() };
      return await send(createEnvironment(body), { idempotencyKey: tried.current.key });
    },
    onSettled: () => client.invalidateQueries(),
  });
}

function errorsAt(error: Error | null, field: keyof Draft): string | undefined {
  if (!(error instanceof Problem)) return undefined;
  const messages = error.errors.filter(({ path }) => fieldOf(path) === field).map(({ message }) => message);
  return messages.length === 0 ? undefined : messages.join("; ");
}

/** Whether each of its words stands at a field. */
function isAtFields(error: Error): boolean {
  return (
    error instanceof Problem &&
    error.errors.length > 0 &&
    error.errors.every(({ path }) => fieldOf(path) !== null)
  );
}
