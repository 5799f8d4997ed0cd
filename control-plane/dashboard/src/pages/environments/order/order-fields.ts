/** The fields of the order of an environment, by the part of its form that they stand in. Pure. */
import type { NewEnvironment } from "@remotegpu/control-plane/client/generated/api.schemas";
import type { Field, FieldChoice } from "../../../components/form/field.ts";
import type words from "../../../locales/en/workloads/environments.ts";

type OrderField = Field<NewEnvironment>;
type Words = typeof words;
type Word = `order.${keyof Words["order"]}` | `service.${keyof Words["service"]}`;
type Translate = (word: Word) => string;

/** What an order can choose from. */
export interface Offered {
  images: readonly FieldChoice[];
  specs: readonly { spec: string; description: string | null }[];
  gpuModels: readonly string[];
  workspaces: readonly FieldChoice[];
  datasets: readonly FieldChoice[];
  models: readonly FieldChoice[];
}

type OrderPart = "what" | "spec" | "size" | "access" | "workspace" | "bounds" | "data";
export type OrderFields = Readonly<Record<OrderPart, OrderField[]>>;

export function orderFields(t: Translate, offered: Offered): OrderFields {
  return {
    what: whatFields(t, offered),
    spec: specFields(t, offered),
    size: sizeFields(t, offered),
    access: accessFields(t),
    workspace: workspaceFields(t, offered),
    bounds: boundFields(t),
    data: dataFields(t, offered),
  };
}

/** What is on offer is suggested; whatever else the operator lets in may be typed. */
function whatFields(t: Translate, { images }: Offered): OrderField[] {
  return [
    { path: "name", kind: "text", label: t("order.name"), isRequired: true },
    {
      path: "image",
      kind: "text",
      label: t("order.image"),
      hint: t("order.imageHint"),
      isRequired: true,
      suggestions: images,
    },
    { path: "description", kind: "lines", label: t("order.description") },
  ];
}

function specFields(t: Translate, { specs }: Offered): OrderField[] {
  if (specs.length === 0) return [];
  return [
    {
      path: "config.spec",
      kind: "text",
      label: t("order.spec"),
      hint: (chosen) => specs.find(({ spec }) => spec === chosen)?.description ?? t("order.specHint"),
      choices: [
        { value: "", label: t("order.specNone") },
        ...specs.map(({ spec }) => ({ value: spec, label: spec })),
      ],
    },
  ];
}

function sizeFields(t: Translate, { gpuModels }: Offered): OrderField[] {
  const gib = { kind: "gib", hasUnitInLabel: true } as const;
  return [
    { path: "gpu", kind: "number", label: t("order.gpu"), initial: "1" },
    {
      path: "config.gpu_model",
      kind: "text",
      label: t("order.gpuModel"),
      choices: [
        { value: "", label: t("order.anyModel") },
        ...gpuModels.map((model) => ({ value: model, label: model })),
      ],
    },
    {
      path: "config.gpu_sharing",
      kind: "text",
      label: t("order.sharing"),
      choices: [
        { value: "", label: t("order.exclusive") },
        { value: "shared", label: t("order.shared") },
      ],
    },
    { path: "gpu_memory", ...gib, label: t("order.gpuMemory") },
    { path: "cpu", kind: "number", label: t("order.cpu"), initial: "1", isRequired: true },
    { path: "memory", ...gib, label: t("order.memory"), initial: "2", isRequired: true },
  ];
}

/** Each is sent, on or off: some are on where an order does not name them. */
function accessFields(t: Translate): OrderField[] {
  const service = { kind: "switch", empty: false } as const;
  return [
    { path: "ssh_enabled", ...service, label: t("service.ssh"), initial: "yes" },
    { path: "jupyter_enabled", ...service, label: t("service.jupyter"), initial: "yes" },
    { path: "web_terminal_enabled", ...service, label: t("service.terminal"), initial: "yes" },
    { path: "tensorboard_enabled", ...service, label: t("service.tensorboard") },
    { path: "rdp_enabled", ...service, label: t("service.rdp") },
  ];
}

function workspaceFields(t: Translate, { workspaces }: Offered): OrderField[] {
  if (workspaces.length <= 1) return [];
  return [
    {
      path: "workspace_id",
      kind: "number",
      label: t("order.workspace"),
      choices: [{ value: "", label: t("order.personal") }, ...workspaces],
    },
  ];
}

function boundFields(t: Translate): OrderField[] {
  const gib = { kind: "gib", hasUnitInLabel: true } as const;
  return [
    { path: "storage", ...gib, label: t("order.storage"), hint: t("order.storageHint") },
    { path: "temp_storage", ...gib, label: t("order.tempStorage"), hint: t("order.tempHint") },
    {
      path: "config.max_price_per_hour",
      kind: "amount",
      label: t("order.maxPrice"),
      hint: t("order.maxPriceHint"),
    },
    {
      path: "config.idle_stop_minutes",
      kind: "number",
      label: t("order.idleStop"),
      hint: t("order.idleStopHint"),
    },
  ];
}

/** What the environment finds inside. */
function dataFields(t: Translate, { datasets, models }: Offered): OrderField[] {
  const mounts: OrderField[] = [
    { path: "mounted_datasets", kind: "mounts", label: t("order.datasets"), choices: datasets },
    { path: "mounted_models", kind: "mounts", label: t("order.models"), choices: models },
  ];
  return [
    ...mounts.filter(({ choices = [] }) => choices.length > 0),
    { path: "env_vars", kind: "variables", label: t("order.envVars"), hint: t("order.envVarsHint") },
  ];
}
