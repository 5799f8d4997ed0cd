/** A GPU as the API shows it. A simulated one says so. */
import { z } from "@hono/zod-openapi";
import { GIB } from "@remotegpu/shared/values/units";
import type { AnyReason } from "@remotegpu/shared/reasons/parameters";
import { listedReason } from "../../core/reasons/english/listed-reason.ts";
import type { GpuRow } from "../../store/hosts/hosts.ts";
import { storedReason } from "../../store/database/values/reason-columns.ts";
import { namedReason, reasonCode, ReasonParams, reasonParams } from "../request/reason-answer.ts";
import { Timestamp } from "../request/route.ts";

const HealthReasonCode = z.object({
  code: z.string().openapi({
    description: "A stable name; as-reported where the reason came as a text. Versions may add some",
    example: "gpu-requires-reset",
  }),
  params: ReasonParams.openapi({ description: "What the code's text shows", example: {} }),
});

const GpuMemoryUser = z.object({
  instance_id: z.string().openapi({ description: "The instance", example: "inst-64ab09ee" }),
  processes: z.int().openapi({ description: "Its processes on the card", example: 2 }),
  memory_mib: z.int().nullable().openapi({
    description: "What they hold in MiB; null: the driver does not report it",
    example: 40_960,
  }),
});

export const Gpu = z
  .object({
    host_id: z.string(),
    gpu_index: z.int(),
    uuid: z.string().nullable().openapi({
      description: "Its id, as nvidia-smi names it",
      example: "GPU-8f3a2b1c-4d5e-6f70-8192-a3b4c5d6e7f8",
    }),
    name: z.string().nullable().openapi({ description: "The model", example: "NVIDIA A100-SXM4-80GB" }),
    brand: z.string().nullable().openapi({ description: "The brand", example: "NVIDIA" }),
    architecture: z.string().nullable().openapi({ description: "The architecture", example: "Ampere" }),
    memory_total: z
      .int()
      .nullable()
      .openapi({ description: "Its memory in bytes", example: 80 * GIB }),
    compute_capability: z.string().nullable().openapi({
      description: "What CUDA calls its version",
      example: "8.0",
    }),
    status: z.string().openapi({
      description: "available, allocated, maintenance or error",
      example: "available",
    }),
    health_status: z.string(),
    simulated: z.boolean(),
    cordoned: z.boolean(),
    cordon_reason: z.string().nullable(),
    cordon_reason_code: reasonCode("gpu-requires-reset"),
    cordon_reason_params: reasonParams(),
    cordoned_by: z.enum(["admin", "host"]).nullable().openapi({
      description: "A host puts the card back in service when it is well again; an admin's cordon stays",
    }),
    health_reasons: z
      .array(z.string())
      .openapi({ description: "Why its health is what it is, the gravest first", example: ["xid-79"] }),
    health_reason_codes: z
      .array(HealthReasonCode)
      .openapi({ description: "The same reasons as codes with parameters, in the same order" }),
    reason_code: z.string().nullable().openapi({
      description: "The stable name of the first of them; null: it has none",
      example: "requires-reset",
    }),
    has_sign: z.boolean().openapi({
      description:
        "True: its readings show a sign of failure; nothing is placed on it, and nothing after its last good reading is charged",
    }),
    ecc_uncorrected: z
      .int()
      .nullable()
      .openapi({ description: "Uncorrectable memory errors since the driver came up", example: 0 }),
    ecc_uncorrected_total: z.int().nullable().openapi({
      description: "Those of the card's whole life",
      example: 0,
    }),
    repair_pending: z.boolean().nullable().openapi({ description: "A memory row or page waits for a reset" }),
    repair_failed: z.boolean().nullable().describe("A memory row could not be replaced"),
    throttle_reasons: z
      .array(z.string())
      .nullable()
      .openapi({
        description: "Why its clocks are held down",
        example: ["sw-power-cap"],
      }),
    strangers: z
      .array(
        z.object({
          pid: z.int().openapi({ description: "Its process id", example: 4711 }),
          name: z.string().nullable().openapi({ description: "What it is called", example: "python3" }),
          memory_mib: z.int().nullable().openapi({ description: "Memory in MiB", example: 81_920 }),
        }),
      )
      .openapi({ description: "Processes on the card that belong to no container of the host" }),
    foreign_memory_mib: z.int().nullable().openapi({
      description: "Memory in use that no process of the host's containers accounts for",
      example: 512,
    }),
    memory_users: z.array(GpuMemoryUser).openapi({
      description: "Memory by instance, those that hold most first; empty also where it is not known",
    }),
    unexplained_memory_mib: z.int().nullable().openapi({
      description: "Memory in use that no listed process explains, strangers' neither; null: not known",
      example: 48,
    }),
    sharing_mode: z.string().nullable().openapi({
      description: "exclusive or shared; null: nobody holds it",
      example: "exclusive",
    }),
    allocated_to: z.string().nullable().openapi({
      description: "The instance that holds it whole",
      example: "inst-64ab09ee",
    }),
    allocated_at: Timestamp.nullable(),
    instances: z.array(z.string()).openapi({
      description: "All that hold it or a slice of it",
      example: ["inst-64ab09ee"],
    }),
    pci_bus_id: z.string().nullable().openapi({ description: "Where it sits", example: "00000000:3B:00.0" }),
    driver_version: z.string().nullable().openapi({
      description: "The driver's version",
      example: "550.54.15",
    }),
    memory_used_mib: z.int().nullable(),
    utilization_percent: z.int().nullable(),
    temperature_c: z.int().nullable(),
    power_w: z.string().nullable(),
    power_limit: z.int().nullable().openapi({ description: "What it may draw in watts", example: 400 }),
    temperature_limit: z.int().nullable().openapi({
      description: "How warm it may become in °C",
      example: 90,
    }),
    nvlink_island: z.int().nullable().openapi({
      description: "Cards of the host with the same number are joined by NVLink; null: not known",
      example: 0,
    }),
    conflict_host_id: z.string().nullable().openapi({
      description: "Another host that claims to have the same GPU; null: none",
      example: "host-17c0aa52",
    }),
    last_seen_at: Timestamp.nullable().openapi({
      description: "When its host last reported it; with a failure or a sign of one, when it last read well",
    }),
    sampled_at: Timestamp.nullable(),
    vanished_at: Timestamp.nullable(),
  })
  .openapi("Gpu");

export function gpuAnswer({ health_reason_data: data, memory_split: split, ...row }: GpuRow) {
  return {
    ...row,
    ...namedReason("cordon_reason", storedReason(row.cordon_reason)),
    memory_users: (split?.users ?? []).map(({ instanceId, processes, memoryMib }) => ({
      instance_id: instanceId,
      processes,
      memory_mib: memoryMib,
    })),
    unexplained_memory_mib: split?.unexplainedMib ?? null,
    health_reason_codes: row.health_reasons.map((text, nth) => healthReasonCode(text, data?.[nth] ?? null)),
    strangers: row.strangers.map(({ pid, name, memoryMib }) => ({ pid, name, memory_mib: memoryMib })),
    allocated_at: row.allocated_at?.toISOString() ?? null,
    last_seen_at: row.last_seen_at?.toISOString() ?? null,
    sampled_at: row.sampled_at?.toISOString() ?? null,
    vanished_at: row.vanished_at?.toISOString() ?? null,
  };
}

function healthReasonCode(text: string, data: AnyReason | null): z.infer<typeof HealthReasonCode> {
  const { code, params } = listedReason(text, data);
  return { code, params: { ...params } };
}
