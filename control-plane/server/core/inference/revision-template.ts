/** What the replicas of a revision are made of, and what another revision makes of it. How gateways show it is no part. */
import { isSameValue } from "@remotegpu/shared/values/same-value";
import type { StoredEnvVars } from "../secrets/env-var-seal.ts";
import type { ServiceConfig } from "./service-config.ts";

const TEMPLATE_KEYS = [
  "spec",
  "gpu_sharing",
  "gpu_model",
  "max_price_per_hour",
  "host_labels",
  "command",
  "port",
  "stop_grace_seconds",
] as const satisfies readonly (keyof ServiceConfig)[];
/** The part of a service's config that each revision has for itself; the rest is the service's, whatever serves. */
export const REVISION_KEYS: readonly string[] = TEMPLATE_KEYS;

export type TemplateConfig = Pick<ServiceConfig, (typeof TEMPLATE_KEYS)[number]>;

export interface Template {
  version: string;
  image: string;
  envVars: Readonly<Record<string, string>>;
  /** Sizes are each replica's, in bytes. */
  cpu: number;
  memory: number;
  gpu: number;
  gpuMemory: number | null;
  modelId: number | null;
  modelVersion: string | null;
  config: TemplateConfig;
}

/** As its revision holds it: whoever changes or compares it opens the values first. */
export type StoredTemplate = Omit<Template, "envVars"> & { envVars: StoredEnvVars };

/** What is left out stays as it is; null takes a variable or a part of the config out. */
export type TemplateChange = {
  [Key in Exclude<keyof Template, "envVars" | "config">]?: Template[Key] | undefined;
} & {
  envVars?: Readonly<Record<string, string | null>> | undefined;
  config?: { [Key in keyof TemplateConfig]: TemplateConfig[Key] | null } | undefined;
};

export function templateConfig(config: ServiceConfig | null): TemplateConfig {
  return Object.fromEntries(
    Object.entries(config ?? {}).filter(([key, value]) => REVISION_KEYS.includes(key) && value !== undefined),
  );
}

export function changedTemplate(base: Template, { envVars, config, ...fields }: TemplateChange): Template {
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return {
    ...base,
    ...given,
    envVars: withChanges(base.envVars, envVars),
    config: withChanges(forSpec(base.config, config), config),
  };
}

/** The model of the other spec's cards came with that spec. */
function forSpec(base: TemplateConfig, change: TemplateChange["config"]): TemplateConfig {
  if (change?.spec === undefined || change.spec === base.spec) return base;
  const { gpu_model: _model, ...others } = base;
  return others;
}

function withChanges<Values extends object>(base: Values, change: object | undefined): Values {
  const entries = Object.entries({ ...base, ...change }).filter(([, value]) => value != null);
  return Object.fromEntries(entries) as Values;
}

/** Whether replicas of the one could not be told from those of the other. */
export function isSameTemplate(one: Template, other: Template): boolean {
  return isSameValue(one, other);
}
