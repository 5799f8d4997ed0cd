/** An order as somebody types it, and what the API is asked with it. Pure. */
import type {
  EstimateWish,
  NewEnvironment,
  NewEnvironmentConfig,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { asTyped } from "../../../api/as-typed.ts";

export const SWITCHES = [
  "ssh_enabled",
  "jupyter_enabled",
  "web_terminal_enabled",
  "tensorboard_enabled",
  "rdp_enabled",
] as const;
export type Switch = (typeof SWITCHES)[number];

/** Text as it is typed; "" is left out of the order. Sizes are GiB. */
export interface Draft {
  name: string;
  description: string;
  workspace_id: string;
  image: string;
  spec: string;
  cpu: string;
  memory: string;
  gpu: string;
  gpu_model: string;
  gpu_sharing: "exclusive" | "shared";
  gpu_memory: string;
  storage: string;
  temp_storage: string;
  max_price_per_hour: string;
  idle_stop_minutes: string;
  env_vars: string;
  switches: readonly Switch[];
  datasets: readonly number[];
  models: readonly number[];
}

export const EMPTY_DRAFT: Draft = {
  name: "",
  description: "",
  workspace_id: "",
  image: "",
  spec: "",
  cpu: "1",
  memory: "2",
  gpu: "1",
  gpu_model: "",
  gpu_sharing: "exclusive",
  gpu_memory: "",
  storage: "",
  temp_storage: "",
  max_price_per_hour: "",
  idle_stop_minutes: "",
  env_vars: "",
  switches: ["ssh_enabled", "jupyter_enabled", "web_terminal_enabled"],
  datasets: [],
  models: [],
};

const GIB = 1_073_741_824;

export function orderOf(draft: Draft): NewEnvironment {
  const config = configOf(draft);
  const mount = (id: number) => ({ id });
  return asTyped<NewEnvironment>({
    name: draft.name.trim(),
    description: draft.description.trim(),
    workspace_id: numberOf(draft.workspace_id),
    image: draft.image.trim(),
    cpu: numberOf(draft.cpu),
    memory: bytesOf(draft.memory),
    gpu: numberOf(draft.gpu),
    gpu_memory: bytesOf(draft.gpu_memory),
    storage: bytesOf(draft.storage),
    temp_storage: bytesOf(draft.temp_storage),
    ...switchesOf(draft),
    mounted_datasets: draft.datasets.length === 0 ? "" : draft.datasets.map(mount),
    mounted_models: draft.models.length === 0 ? "" : draft.models.map(mount),
    env_vars: draft.env_vars.trim() === "" ? "" : variablesOf(draft.env_vars),
    config: Object.keys(config).length === 0 ? "" : config,
  });
}

function configOf(draft: Draft): NewEnvironmentConfig {
  return asTyped<NewEnvironmentConfig>({
    spec: draft.spec,
    gpu_model: draft.gpu_model,
    gpu_sharing: draft.gpu_sharing === "shared" ? "shared" : "",
    max_price_per_hour: draft.max_price_per_hour,
    idle_stop_minutes: numberOf(draft.idle_stop_minutes),
  });
}

function switchesOf({ switches }: Draft): Pick<NewEnvironment, Switch> {
  return Object.fromEntries(SWITCHES.map((one) => [one, switches.includes(one)]));
}

/** Null while there is too little to price. */
export function estimateOf(draft: Draft): EstimateWish | null {
  const cpu = numberOf(draft.cpu);
  const memory = bytesOf(draft.memory);
  if (typeof cpu !== "number" || typeof memory !== "number" || cpu < 1 || memory < 1) return null;
  return asTyped<EstimateWish>({
    cpu,
    memory,
    gpu: numberOf(draft.gpu),
    gpu_memory: bytesOf(draft.gpu_memory),
    temp_storage: bytesOf(draft.temp_storage),
    spec: draft.spec,
    gpu_model: draft.gpu_model,
    gpu_sharing: draft.gpu_sharing === "shared" ? "shared" : "",
  });
}

/** `NAME=value`, one a line; blank lines say nothing. */
function variablesOf(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf("=");
      return at === -1 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1)];
    }),
  );
}

/** "" for what was left out; what is no number goes as it is, and the API names the field. */
function numberOf(text: string): number | string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const number = Number(trimmed);
  return Number.isFinite(number) ? number : trimmed;
}

function bytesOf(gib: string): number | string {
  const number = numberOf(gib);
  return typeof number === "number" ? Math.round(number * GIB) : number;
}

/** Where the form has what a problem names, as `config.spec` or `mounted_datasets.0.id`; null: nowhere. */
export function fieldOf(path: string): keyof Draft | null {
  const [first = "", second = ""] = path.split(".");
  const name = first === "config" ? second : first;
  if (name === "mounted_datasets") return "datasets";
  if (name === "mounted_models") return "models";
  if (SWITCHES.some((one) => one === name)) return "switches";
  return name in EMPTY_DRAFT ? (name as keyof Draft) : null;
}
