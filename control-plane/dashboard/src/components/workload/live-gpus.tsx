/** Cards that a workload holds: which, how busy and full now, and a line of the last minutes. */
import { Group, Stack, Text, Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../text/age-text.tsx";
import { NameText } from "../text/name-text.tsx";
import { NotReported } from "../text/not-reported.tsx";
import { ReasonText, type WithReason } from "../text/reason-text.tsx";
import { bytesText } from "../text/size-text.ts";
import { type GpuReading, useGpuReadings } from "./gpu-readings.ts";

export interface HeldGpu {
  uuid: string;
  model: string | null;
  simulated: boolean;
  memory_mib: number | null;
  /** Null of one that is held no more. */
  reading: GpuReading | null;
  /** What its host holds against it. */
  fault: ({ code: string | null } & WithReason<"sentence">) | null;
}

const MIB = 1_048_576;
const LINE = { width: 72, height: 20 };

export function LiveGpus({ gpus, isShort = false }: { gpus: readonly HeldGpu[]; isShort?: boolean }) {
  const { t } = useTranslation("workload");
  if (gpus.length === 0) return <Text size="sm">{t("gpus.none")}</Text>;
  return (
    <Stack gap={isShort ? 2 : "xs"}>
      {gpus.map((gpu) => (
        <LiveGpu key={gpu.uuid} gpu={gpu} isShort={isShort} />
      ))}
    </Stack>
  );
}

function LiveGpu({ gpu, isShort }: { gpu: HeldGpu; isShort: boolean }) {
  const { t } = useTranslation("workload");
  const readings = useGpuReadings(gpu.uuid, gpu.reading);
  const now = readings.at(-1);
  return (
    <div data-gpu={gpu.uuid}>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        <NameText>{gpu.model ?? t("gpus.unknownModel")}</NameText>
        {gpu.simulated && ` (${t("gpus.simulated")})`}
      </Text>
      {!isShort && (
        <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          <NameText>{gpu.uuid}</NameText>
        </Text>
      )}
      {gpu.fault !== null && (
        <Text size="sm" data-fault={gpu.fault.code ?? ""}>
          ▲ <ReasonText of={gpu.fault} field="sentence" />
        </Text>
      )}
      <Group gap="xs">
        <Figures gpu={gpu} now={now} />
        <UseLine readings={readings} />
        {!isShort && now !== undefined && (
          <Text size="xs" c="dimmed" span>
            <AgeText at={now.sampled_at} />
          </Text>
        )}
      </Group>
    </div>
  );
}

function Figures({ gpu, now }: { gpu: HeldGpu; now: GpuReading | undefined }) {
  const { t } = useTranslation("workload");
  if (now === undefined) return <NotReported />;
  const percent = now.utilization_percent === null ? null : `${now.utilization_percent} %`;
  const used = now.memory_used_mib === null ? null : bytesText(now.memory_used_mib * MIB);
  const all = gpu.memory_mib === null ? null : bytesText(gpu.memory_mib * MIB);
  const memory = used === null ? null : all === null ? used : `${used} / ${all}`;
  return (
    <>
      <Reported what={t("gpus.utilization")} definition={t("gpus.utilizationIs")} text={percent} />
      <Reported what={t("gpus.memory")} definition={t("gpus.memoryIs")} text={memory} />
      <Reported
        what={t("gpus.temperature")}
        definition={t("gpus.temperatureIs")}
        text={now.temperature_c === null ? null : `${now.temperature_c} °C`}
      />
      <Reported
        what={t("gpus.power")}
        definition={t("gpus.powerIs")}
        text={now.power_w === null ? null : `${Math.round(Number(now.power_w))} W`}
      />
    </>
  );
}

function Reported({ what, definition, text }: { what: string; definition: string; text: string | null }) {
  return (
    <Tooltip label={`${what}: ${definition}`} multiline maw={320}>
      <Text size="sm" span tabIndex={0} style={{ fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" }}>
        {text ?? <NotReported />}
      </Text>
    </Tooltip>
  );
}

/** Use over the last minutes; where nothing was said the line has a gap. */
function UseLine({ readings }: { readings: readonly GpuReading[] }) {
  const { t } = useTranslation("workload");
  if (readings.length < 2) return null;
  const { width, height } = LINE;
  const step = width / (readings.length - 1);
  const path = readings
    .map(({ utilization_percent: use }, index) => {
      if (use === null) return "";
      const isFirst = (readings[index - 1]?.utilization_percent ?? null) === null;
      return `${isFirst ? "M" : "L"}${(index * step).toFixed(1)} ${(height - (use / 100) * height).toFixed(1)}`;
    })
    .join("");
  return (
    <svg width={width} height={height} role="img" aria-label={t("gpus.line")}>
      <path d={path} fill="none" stroke="currentColor" strokeWidth={1.5} />
    </svg>
  );
}
