/** The fields of the order of a job. */
import type { NewTrainingJob } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useTranslation } from "react-i18next";
import type { Field } from "../../../components/form/field.ts";

const MAX_NAME = 128;

export function useJobFields(workspaces: readonly { value: string; label: string }[]): {
  main: Field<NewTrainingJob>[];
  more: Field<NewTrainingJob>[];
} {
  const { t } = useTranslation(["training", "work"]);
  const main: Field<NewTrainingJob>[] = [
    { path: "name", kind: "text", label: t("field.name"), isRequired: true, maxLength: MAX_NAME },
    { path: "image", kind: "text", label: t("field.image"), hint: t("field.imageHint"), isRequired: true },
    {
      path: "command",
      kind: "lines",
      label: t("field.command"),
      hint: t("field.commandHint"),
      isRequired: true,
    },
    { path: "env_vars", kind: "variables", label: t("form.variables", { ns: "work" }) },
    {
      path: "cpu",
      kind: "number",
      label: t("field.cpu"),
      hint: t("field.ofEach"),
      initial: "4",
      isRequired: true,
    },
    {
      path: "memory",
      kind: "gib",
      label: t("field.memory"),
      hint: t("field.ofEach"),
      initial: "16",
      isRequired: true,
    },
    { path: "gpu", kind: "number", label: t("field.gpu"), hint: t("field.ofEach"), initial: "1" },
    { path: "node_count", kind: "number", label: t("field.ranks"), hint: t("field.ranksHint"), initial: "1" },
  ];
  const more: Field<NewTrainingJob>[] = [
    { path: "workspace_id", kind: "number", label: t("field.workspace"), choices: workspaces },
    { path: "config.gpu_model", kind: "text", label: t("field.gpuModel"), hint: t("field.gpuModelHint") },
    { path: "gpu_memory", kind: "gib", label: t("field.gpuMemory"), hint: t("field.gpuMemoryHint") },
    { path: "priority", kind: "number", label: t("field.priority"), hint: t("field.priorityHint") },
    {
      path: "config.max_minutes",
      kind: "number",
      label: t("field.maxMinutes"),
      hint: t("field.maxMinutesHint"),
    },
    { path: "config.max_retries", kind: "number", label: t("field.retries"), hint: t("field.retriesHint") },
    { path: "mounted_datasets", kind: "numbers", label: t("field.datasets"), hint: t("field.idsHint") },
    { path: "mounted_models", kind: "numbers", label: t("field.models"), hint: t("field.idsHint") },
    { path: "array.from", kind: "number", label: t("field.arrayFrom"), hint: t("field.arrayHint") },
    { path: "array.to", kind: "number", label: t("field.arrayTo") },
    { path: "array.at_once", kind: "number", label: t("field.arrayAtOnce") },
    { path: "description", kind: "lines", label: t("field.description") },
  ];
  return { main, more };
}
