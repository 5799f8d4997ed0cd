/** The fields of the order of a service. */
import type { NewInferenceService } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useTranslation } from "react-i18next";
import type { Field } from "../../components/form/field.ts";

const MAX_NAME = 128;
const MAX_VERSION = 64;

export function useServiceFields(workspaces: readonly { value: string; label: string }[]): {
  main: Field<NewInferenceService>[];
  more: Field<NewInferenceService>[];
} {
  const { t } = useTranslation(["inference", "work"]);
  const main: Field<NewInferenceService>[] = [
    { path: "name", kind: "text", label: t("field.name"), isRequired: true, maxLength: MAX_NAME },
    {
      path: "version",
      kind: "text",
      label: t("field.version"),
      initial: "1",
      isRequired: true,
      maxLength: MAX_VERSION,
    },
    { path: "image", kind: "text", label: t("field.image"), hint: t("field.imageHint"), isRequired: true },
    { path: "config.command", kind: "lines", label: t("field.command"), hint: t("field.commandHint") },
    { path: "config.port", kind: "number", label: t("field.port"), hint: t("field.portHint") },
    { path: "health_check_path", kind: "text", label: t("field.health"), hint: t("field.healthHint") },
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
    { path: "min_replicas", kind: "number", label: t("field.min"), hint: t("field.minHint") },
    { path: "max_replicas", kind: "number", label: t("field.max") },
    { path: "env_vars", kind: "variables", label: t("form.variables", { ns: "work" }) },
  ];
  const more: Field<NewInferenceService>[] = [
    { path: "workspace_id", kind: "number", label: t("field.workspace"), choices: workspaces },
    { path: "model_id", kind: "number", label: t("field.model"), hint: t("field.modelHint") },
    { path: "config.gpu_model", kind: "text", label: t("field.gpuModel"), hint: t("field.gpuModelHint") },
    { path: "gpu_memory", kind: "gib", label: t("field.gpuMemory"), hint: t("field.gpuMemoryHint") },
    { path: "autoscaling_enabled", kind: "switch", label: t("field.scales"), hint: t("field.scalesHint") },
    { path: "config.public", kind: "switch", label: t("field.public"), hint: t("field.publicHint") },
    {
      path: "config.max_in_flight",
      kind: "number",
      label: t("field.inFlight"),
      hint: t("field.inFlightHint"),
    },
    { path: "description", kind: "lines", label: t("field.description") },
  ];
  return { main, more };
}
