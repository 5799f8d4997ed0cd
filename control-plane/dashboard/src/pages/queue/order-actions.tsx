/** What can be done with an order while it waits. */
import {
  cancelTrainingJob,
  changeEnvironment,
  changeInferenceService,
  changeTrainingJob,
  stopEnvironment,
  stopInferenceService,
} from "@remotegpu/control-plane/client/generated/api";
import type { TrainingJobChange } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group } from "@mantine/core";
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { useTranslation } from "react-i18next";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import type { Waiting } from "./waiting.ts";

const CANCEL = {
  environment: stopEnvironment,
  training: cancelTrainingJob,
  inference: stopInferenceService,
} as const;
const RENAME = { environment: changeEnvironment, inference: changeInferenceService } as const;
const MAX_NAME = 128;
const PRIORITIES = Array.from({ length: 11 }, (_, priority) => String(priority));

export function OrderActions({ order }: { order: Waiting }) {
  const { t } = useTranslation("queue");
  const { kind, id, name } = order;
  return (
    <Group gap="xs">
      <Change order={order} />
      <ActionButton
        label={t(`cancel.${kind}.act`)}
        request={CANCEL[kind](id)}
        consequences={{
          title: t(`cancel.${kind}.title`, { name }),
          // "Cancel" would be the same word twice, and mean two things.
          ...(kind === "training" && { keep: t("cancel.training.keep") }),
          stops: [t(`cancel.${kind}.stops`)],
          keeps: [t(`cancel.${kind}.kept`)],
          charged: [t(`cancel.${kind}.charged`)],
        }}
      />
    </Group>
  );
}

/** Only jobs have a priority of their own. */
function Change({ order: { kind, id, name, priority } }: { order: Waiting }) {
  const { t } = useTranslation("queue");
  const named = {
    path: "name",
    kind: "text",
    label: t("change.name"),
    isRequired: true,
    maxLength: MAX_NAME,
  } as const;
  const dialog = {
    open: t("change.act"),
    title: t("change.title", { name }),
    submit: t("change.submit"),
  };
  if (kind !== "training")
    return (
      <DialogForm
        {...dialog}
        request={(body: { name?: string }): ApiRequest<unknown> => RENAME[kind](id, body)}
        base={{ name }}
        fields={[named]}
      />
    );
  return (
    <DialogForm
      {...dialog}
      request={(body: TrainingJobChange) => changeTrainingJob(id, body)}
      base={{ name, priority }}
      fields={[
        named,
        {
          path: "priority",
          kind: "number",
          label: t("column.priority"),
          hint: t("priorityHint"),
          choices: PRIORITIES.map((value) => ({ value, label: value })),
        },
      ]}
    />
  );
}
