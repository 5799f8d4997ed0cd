/** Fields of the order; each has the API's word on it below it. */
import {
  getOffers,
  listImages,
  listSpecs,
  listWorkspaces,
} from "@remotegpu/control-plane/client/generated/api";
import { Checkbox, NativeSelect, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../../../api/use-api.ts";
import { isolated } from "../../../locales/isolated.ts";
import { type Draft, type Switch, SWITCHES } from "./draft.ts";

export interface Fields {
  draft: Draft;
  change: (changed: Partial<Draft>) => void;
  errorOf: (field: keyof Draft) => string | undefined;
}

type TextField = { [Name in keyof Draft]: Draft[Name] extends string ? Name : never }[keyof Draft];

function Typed({
  draft,
  change,
  errorOf,
  field,
  label,
  hint,
  isRequired = false,
}: Fields & { field: TextField; label: string; hint?: string; isRequired?: boolean }) {
  return (
    <TextInput
      label={label}
      description={hint}
      // The keyboard of a phone; what is no number is named by the API.
      inputMode="decimal"
      required={isRequired}
      value={draft[field]}
      onChange={(event) => change({ [field]: event.currentTarget.value })}
      error={errorOf(field)}
    />
  );
}

/** What is on offer stands ready; whatever else the operator lets in may be typed. */
export function ImageField({ draft, change, errorOf }: Fields) {
  const { t } = useTranslation("environments");
  const list = useId();
  const images = useApi(listImages({ status: "active", limit: 100 }), { isLive: false });
  return (
    <>
      <TextInput
        label={t("order.image")}
        description={t("order.imageHint")}
        required
        list={list}
        autoComplete="off"
        value={draft.image}
        onChange={(event) => change({ image: event.currentTarget.value })}
        error={errorOf("image")}
      />
      <datalist id={list}>
        {images.data?.items.map(({ id, name, display_name }) => (
          <option key={id} value={name}>
            {isolated(display_name ?? name)}
          </option>
        ))}
      </datalist>
    </>
  );
}

export function SizeFields(fields: Fields) {
  const { draft, change, errorOf } = fields;
  const { t } = useTranslation("environments");
  const specs = useApi(listSpecs({ limit: 100 }), { isLive: false });
  const offers = useApi(getOffers());
  const sold = specs.data?.items.filter(({ retired_at }) => retired_at === null) ?? [];
  const models = [...new Set(offers.data?.items.flatMap(({ gpu_model }) => gpu_model ?? []))];
  const described = sold.find(({ spec }) => spec === draft.spec)?.description;
  return (
    <Stack gap="sm">
      {sold.length > 0 && (
        <NativeSelect
          label={t("order.spec")}
          description={described ?? t("order.specHint")}
          value={draft.spec}
          onChange={(event) => change({ spec: event.currentTarget.value })}
          error={errorOf("spec")}
          data={[{ value: "", label: t("order.specNone") }, ...sold.map(({ spec }) => spec)]}
        />
      )}
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <Typed {...fields} field="gpu" label={t("order.gpu")} />
        <NativeSelect
          label={t("order.gpuModel")}
          value={draft.gpu_model}
          onChange={(event) => change({ gpu_model: event.currentTarget.value })}
          error={errorOf("gpu_model")}
          data={[
            { value: "", label: t("order.anyModel") },
            ...new Set([...models, ...(draft.gpu_model === "" ? [] : [draft.gpu_model])]),
          ]}
        />
        <NativeSelect
          label={t("order.sharing")}
          value={draft.gpu_sharing}
          onChange={(event) =>
            change({ gpu_sharing: event.currentTarget.value === "shared" ? "shared" : "exclusive" })
          }
          error={errorOf("gpu_sharing")}
          data={[
            { value: "exclusive", label: t("order.exclusive") },
            { value: "shared", label: t("order.shared") },
          ]}
        />
        <Typed {...fields} field="gpu_memory" label={t("order.gpuMemory")} />
        <Typed {...fields} field="cpu" label={t("order.cpu")} isRequired />
        <Typed {...fields} field="memory" label={t("order.memory")} isRequired />
      </SimpleGrid>
    </Stack>
  );
}

export function ServiceFields({ draft, change, errorOf }: Fields) {
  const { t } = useTranslation("environments");
  const toggle = (one: Switch, isOn: boolean) =>
    change({ switches: isOn ? [...draft.switches, one] : draft.switches.filter((other) => other !== one) });
  return (
    <Stack gap="xs">
      {SWITCHES.map((one) => (
        <Checkbox
          key={one}
          label={t(`service.${SERVICE_OF[one]}`)}
          checked={draft.switches.includes(one)}
          onChange={(event) => toggle(one, event.currentTarget.checked)}
        />
      ))}
      {errorOf("switches") !== undefined && <Text c="var(--mantine-color-error)">{errorOf("switches")}</Text>}
    </Stack>
  );
}

const SERVICE_OF = {
  ssh_enabled: "ssh",
  jupyter_enabled: "jupyter",
  web_terminal_enabled: "terminal",
  tensorboard_enabled: "tensorboard",
  rdp_enabled: "rdp",
} as const;

/** Where it goes, and what bounds it. */
export function PlaceFields(fields: Fields) {
  const { draft, change, errorOf } = fields;
  const { t } = useTranslation("environments");
  const workspaces = useApi(listWorkspaces({ limit: 100 }), { isLive: false });
  const all = workspaces.data?.items ?? [];
  return (
    <Stack gap="sm">
      {all.length > 1 && (
        <NativeSelect
          label={t("order.workspace")}
          value={draft.workspace_id}
          onChange={(event) => change({ workspace_id: event.currentTarget.value })}
          error={errorOf("workspace_id")}
          data={[
            { value: "", label: t("order.personal") },
            ...all.map(({ id, name }) => ({ value: String(id), label: isolated(name) })),
          ]}
        />
      )}
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <Typed {...fields} field="storage" label={t("order.storage")} hint={t("order.storageHint")} />
        <Typed {...fields} field="temp_storage" label={t("order.tempStorage")} hint={t("order.tempHint")} />
        <Typed
          {...fields}
          field="max_price_per_hour"
          label={t("order.maxPrice")}
          hint={t("order.maxPriceHint")}
        />
        <Typed
          {...fields}
          field="idle_stop_minutes"
          label={t("order.idleStop")}
          hint={t("order.idleStopHint")}
        />
      </SimpleGrid>
    </Stack>
  );
}
