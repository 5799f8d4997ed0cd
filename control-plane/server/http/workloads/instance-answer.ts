/** A workload's instances as the API shows them, whatever its kind: where, on which cards, how long, at what charge. */
import { z } from "@hono/zod-openapi";
import { faultReason } from "../../core/hosts/card-fault.ts";
import type { SeenInstance } from "../../store/overview/seen-instances.ts";
import type { ReportedFigures } from "../../store/workloads/instances/instance-figures.ts";
import type { InstanceRun, InstanceView, RunEnding } from "../../store/workloads/instances/instances.ts";
import type { ApiContext } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import { iso, Money, Timestamp } from "../request/route.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";

const RunEnd = z.object({
  told_at: Timestamp,
  phase: z.string(),
  problem: z.string().nullable(),
  detail: z.string().nullable(),
  exit_code: z.int().nullable(),
  out_of_memory: z.boolean(),
  signal: z.string().nullable(),
  /** The last lines that it wrote. */
  tail: z.string().nullable(),
});

export const Restarts = z.object({
  count: z.int(),
  exit_code: z.int().nullable(),
  out_of_memory: z.boolean(),
  signal: z.string().nullable(),
  last_at: Timestamp,
  looping_since: Timestamp.nullable(),
});

/** Free because something broke. */
const Waived = z.object({
  reason: z.string(),
  from: Timestamp,
  to: Timestamp.nullable(),
  sentence: z.string(),
});

const Figures = z.object({
  cpu_ms: z.int().nullable(),
  network_in_bytes: z.int().nullable(),
  network_out_bytes: z.int().nullable(),
  last_output_at: Timestamp.nullable(),
  told_at: Timestamp,
});

const Run = z.object({
  id: z.string(),
  ordered_at: Timestamp,
  first_proven_at: Timestamp.nullable(),
  last_proven_at: Timestamp.nullable(),
  closed_at: Timestamp.nullable(),
  proven_ms: z.int(),
  waived_ms: z.int().openapi({ description: "Metered and not charged, as of the last charge" }),
  waive_from: Timestamp.nullable().openapi({ description: "From then on nothing is charged" }),
  waive_reason: z.string().nullable(),
  billed_minutes: z.int(),
  charged: Money.nullable().openapi({ description: "Null for a key without the scope money" }),
  host_id: z.string(),
  waived: z.array(Waived),
  end: RunEnd.nullable(),
  restarts: Restarts.nullable(),
});

const Gang = z
  .object({
    address: z.string(),
    held_at: Timestamp.nullable(),
    released_at: Timestamp.nullable(),
    findings: z.array(
      z.object({
        check: z.string(),
        is_passed: z.boolean(),
        detail: z.string(),
        address: z.string().nullable(),
      }),
    ),
    cut_off: z.array(z.string()),
  })
  .openapi("GangRank");

const Idle = z
  .object({
    since: Timestamp,
    processes: z.array(
      z.object({
        name: z.string(),
        state: z.string(),
        waits_in: z.string().nullable(),
        count: z.int(),
      }),
    ),
  })
  .openapi("InstanceIdle");

const CardReading = z.object({
  utilization_percent: z.int().nullable(),
  memory_used_mib: z.int().nullable(),
  temperature_c: z.int().nullable(),
  power_w: z.string().nullable(),
  sampled_at: Timestamp.nullable(),
});

const GpuFault = z
  .object({
    code: z.string().nullable().openapi({ description: "Its stable name", example: "requires-reset" }),
    sentence: z.string().openapi({
      description: "What it is, and what becomes of what holds the card",
      example: "GPU-8f3a2b1c takes nothing new: MIG mode is on (mig-enabled). What runs on it goes on.",
    }),
  })
  .openapi("GpuFault");

export const Instance = z
  .object({
    id: z.string(),
    rank: z.int(),
    epoch: z.int(),
    state: z.string(),
    want: z.string(),
    detail: z.string().nullable(),
    problem: z.string().nullable(),
    run_id: z.string().nullable(),
    host_id: z.string(),
    host_name: z.string(),
    container_id: z.string().nullable(),
    exit_code: z.int().nullable(),
    image_id: z.string().nullable(),
    image_brings: z.array(z.string()).nullable(),
    figures: Figures.nullable(),
    placed_at: Timestamp,
    gang: Gang.nullable(),
    idle: Idle.nullable(),
    frozen_since: Timestamp.nullable(),
    revision: z.int().nullable(),
    serving: z.string().nullable(),
    in_flight: z.int().nullable().openapi({
      description:
        "Of a replica: requests in flight, at all gateways that run, as they reported last; null: of other kinds, and where no gateway reports",
    }),
    draining_since: Timestamp.nullable(),
    dismissed_at: Timestamp.nullable(),
    dismissal: z.string().nullable(),
    gpus: z.array(
      z.object({
        uuid: z.string(),
        model: z.string().nullable(),
        simulated: z.boolean(),
        memory_mib: z.int().nullable(),
        reading: CardReading.nullable().openapi({
          description: "What its host reported of the GPU last; null of one that it holds no more",
        }),
        fault: GpuFault.nullable(),
      }),
    ),
    runs: z.array(Run),
  })
  .openapi("Instance");
export type Instance = z.infer<typeof Instance>;

export function isSimulated(instances: readonly InstanceView[]): boolean {
  return instances.some(({ gpus }) => gpus.some(({ simulated }) => simulated));
}

export function instanceAnswer(c: ApiContext, view: SeenInstance): z.input<typeof Instance> {
  const { switches: _switches, figures, gang, idle, ...visible } = view;
  return {
    ...visible,
    gang: gang && gangAnswer(gang),
    idle: idle && idleAnswer(idle),
    frozen_since: iso(view.frozen_since),
    draining_since: iso(view.draining_since),
    dismissed_at: iso(view.dismissed_at),
    figures: figures && figuresAnswer(figures),
    placed_at: view.placed_at.toISOString(),
    gpus: view.gpus.map((gpu) => ({
      ...gpu,
      reading: gpu.reading && readingAnswer(gpu.reading),
      fault: gpu.fault && { code: gpu.fault.code, sentence: inEnglish(faultReason(gpu.fault)) },
    })),
    runs: view.runs.map((run) => runAnswer(c, run)),
  };
}

function readingAnswer({ sampled_at: at, ...reading }: NonNullable<InstanceView["gpus"][number]["reading"]>) {
  return { ...reading, sampled_at: iso(at === null ? null : new Date(at)) };
}

function gangAnswer(gang: NonNullable<InstanceView["gang"]>): z.input<typeof Gang> {
  const at = (text: string | null) => iso(text === null ? null : new Date(text));
  return {
    address: gang.address,
    held_at: at(gang.held_at),
    released_at: at(gang.released_at),
    findings: (gang.findings ?? []).map(({ check, isPassed, detail, address }) => ({
      check,
      is_passed: isPassed,
      detail,
      address: address ?? null,
    })),
    cut_off: gang.cut_off ?? [],
  };
}

function idleAnswer({ since, processes }: NonNullable<InstanceView["idle"]>): z.input<typeof Idle> {
  return {
    since: new Date(since).toISOString(),
    processes: (processes ?? []).map(({ waitsIn, ...process }) => ({ ...process, waits_in: waitsIn })),
  };
}

function figuresAnswer({
  last_output_at: lastOutputAt,
  reported_at: reportedAt,
  ...figures
}: ReportedFigures) {
  return {
    ...figures,
    last_output_at: iso(lastOutputAt === null ? null : new Date(lastOutputAt)),
    told_at: new Date(reportedAt).toISOString(),
  };
}

function endAnswer({ reported_at: reportedAt, ...end }: RunEnding) {
  return { ...end, told_at: reportedAt.toISOString() };
}

function runAnswer(c: ApiContext, run: InstanceRun): z.input<typeof Run> {
  return {
    ...run,
    charged: showsMoney(c) ? run.charged : null,
    ordered_at: run.ordered_at.toISOString(),
    first_proven_at: iso(run.first_proven_at),
    last_proven_at: iso(run.last_proven_at),
    closed_at: iso(run.closed_at),
    waive_from: iso(run.waive_from),
    waived: run.waived.map(({ from, to, ...why }) => ({
      ...why,
      from: new Date(from).toISOString(),
      to: iso(to === null ? null : new Date(to)),
    })),
    end: run.end && endAnswer(run.end),
    restarts: restartsAnswer(run),
  };
}

export function restartsAnswer({ restarts }: Pick<InstanceRun, "restarts">): z.input<typeof Restarts> | null {
  return (
    restarts && {
      ...restarts,
      last_at: restarts.last_at.toISOString(),
      looping_since: iso(restarts.looping_since),
    }
  );
}
