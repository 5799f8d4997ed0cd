/** What can be done with a service as it stands. */
import {
  deleteInferenceService,
  pauseInferenceService,
  resumeInferenceService,
  rollBackInferenceService,
  scaleInferenceService,
  startInferenceService,
  stopInferenceService,
  upgradeInferenceService,
} from "@remotegpu/control-plane/client/generated/api";
import type {
  InferenceServiceScale,
  InferenceServiceUpgrade,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { useGo } from "../../components/page/page-link.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import { hiddenNames, knownValues } from "../../components/workload/known-values.ts";
import type { Service } from "./service.ts";

const DOWN = ["stopped", "error", "stopping"];

export function ServiceActions({ service }: { service: Service }) {
  const { t } = useTranslation("inference");
  const go = useGo();
  const { id, name, status, previous_version: previous, rollout, autoscaling_enabled: scales } = service;
  const isDown = DOWN.includes(status);
  const isPaused = service.autoscaling_config?.["paused"] === true;
  const stops = [t("acts.stopsReplicas", { count: service.instances.length }), t("acts.stopsRequests")];
  return (
    <Group gap="xs">
      {isDown ? (
        <ActionButton label={t("acts.start")} request={startInferenceService(id)} />
      ) : (
        <ActionButton
          label={t("acts.stop")}
          request={stopInferenceService(id)}
          consequences={{
            title: t("acts.stopTitle", { name }),
            stops,
            keeps: [t("acts.stopKeeps")],
            charged: [t("acts.chargedUntil")],
          }}
        />
      )}
      <Scale service={service} />
      <Upgrade service={service} />
      {(previous !== null || rollout !== null) && (
        <ActionButton
          label={t("acts.rollback")}
          request={rollBackInferenceService(id, {})}
          consequences={{
            title: t("acts.rollbackTitle", { name }),
            stops: [t("acts.rollbackStops")],
            keeps: [t("acts.rollbackKeeps")],
            charged: [t("acts.rollbackCharged")],
          }}
        />
      )}
      {scales && (
        <ActionButton
          label={t(isPaused ? "acts.resume" : "acts.pause")}
          request={isPaused ? resumeInferenceService(id) : pauseInferenceService(id)}
        />
      )}
      <ActionButton
        label={t("acts.delete")}
        request={deleteInferenceService(id)}
        consequences={{
          title: t("acts.deleteTitle", { name }),
          stops: [...stops, t("acts.deleteStops")],
          keeps: [t("acts.deleteKeeps")],
          charged: [t("acts.chargedUntil")],
        }}
        onDone={() => go("/inference")}
      />
    </Group>
  );
}

function Scale({ service }: { service: Service }) {
  const { t } = useTranslation("inference");
  const { replicas, min_replicas: min, max_replicas: max } = service;
  return (
    <DialogForm
      open={t("acts.scale")}
      title={t("acts.scaleTitle", { name: service.name })}
      submit={t("acts.scale")}
      request={(body: InferenceServiceScale) => scaleInferenceService(service.id, body)}
      base={{ replicas }}
      fields={[
        {
          path: "replicas",
          kind: "number",
          label: t("acts.replicas"),
          hint: t("acts.replicasHint", { min, max }),
          isRequired: true,
        },
      ]}
    />
  );
}

function Upgrade({ service }: { service: Service }) {
  const { t } = useTranslation(["inference", "work"]);
  const { image, env_vars: variables, config, cpu, memory, gpu } = service;
  const command = config?.["command"];
  const hidden = hiddenNames(variables);
  return (
    <DialogForm
      open={t("acts.upgrade")}
      title={t("acts.upgradeTitle", { name: service.name })}
      submit={t("acts.upgrade")}
      request={(body: InferenceServiceUpgrade) => upgradeInferenceService(service.id, body)}
      base={{
        image,
        // Those that are hidden stay as they are.
        env_vars: knownValues(variables),
        cpu,
        memory,
        gpu,
        ...(isCommand(command) && { config: { command } }),
      }}
      fields={[
        { path: "version", kind: "text", label: t("field.version"), isRequired: true, maxLength: 64 },
        { path: "image", kind: "text", label: t("field.image"), isRequired: true },
        { path: "config.command", kind: "lines", label: t("field.command"), hint: t("field.commandHint") },
        {
          path: "env_vars",
          kind: "variables",
          label: t("form.variables", { ns: "work" }),
          ...(hidden.length > 0 && { hint: t("field.variablesKept", { names: hidden.join(", ") }) }),
        },
        { path: "cpu", kind: "number", label: t("field.cpu") },
        { path: "memory", kind: "gib", label: t("field.memory") },
        { path: "gpu", kind: "number", label: t("field.gpu") },
        { path: "allow_gap", kind: "switch", label: t("field.allowGap"), hint: t("field.allowGapHint") },
      ]}
    />
  );
}

/** Its answer has the configuration as it was ordered. */
function isCommand(value: unknown): value is string | string[] {
  return typeof value === "string" || Array.isArray(value);
}
