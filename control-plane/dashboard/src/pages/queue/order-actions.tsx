/** What can be done with an order while it waits. */
import { Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import type { Field } from "../../components/form/fields.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import { pathOf } from "../../components/workload/workload.ts";
import { type Waiting, workloadOf } from "./waiting.ts";

const MAX_NAME = 128;
const PRIORITIES = Array.from({ length: 11 }, (_, priority) => String(priority));

export function OrderActions({ order }: { order: Waiting }) {
  const { t } = useTranslation("queue");
  const { kind, name } = order;
  const workload = workloadOf(order);
  return (
    <Group gap="xs">
      <Change order={order} />
      <ActionButton
        label={t(`cancel.${kind}.act`)}
        method="POST"
        path={pathOf(workload, kind === "training" ? "/cancel" : "/stop")}
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
function Change({ order }: { order: Waiting }) {
  const { t } = useTranslation("queue");
  const { kind, name, priority } = order;
  const named: Field = {
    path: "name",
    kind: "text",
    label: t("change.name"),
    isRequired: true,
    maxLength: MAX_NAME,
  };
  const urgent: Field = {
    path: "priority",
    kind: "number",
    label: t("column.priority"),
    hint: t("priorityHint"),
    choices: PRIORITIES.map((value) => ({ value, label: value })),
  };
  return (
    <DialogForm
      open={t("change.act")}
      title={t("change.title", { name })}
      submit={t("change.submit")}
      method="PATCH"
      path={pathOf(workloadOf(order))}
      base={{ name, priority }}
      fields={kind === "training" ? [named, urgent] : [named]}
    />
  );
}
