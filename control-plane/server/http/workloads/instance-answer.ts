/** A workload's instances as the API shows them, whatever its kind: where, on which cards, how long, at what charge. */
import { z } from "@hono/zod-openapi";
import { faultReason } from "../../core/hosts/card-fault.ts";
import type { SeenInstance } from "../../store/overview/seen-instances.ts";
import type { ReportedFigures } from "../../store/workloads/instances/instance-figures.ts";
import type { InstanceRun, InstanceView, RunEnding } from "../../store/workloads/instances/instances.ts";
import { storedReason } from "../../store/database/values/reason-columns.ts";
import type { ApiContext } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import {
  DETAIL_FIELDS,
  detailAnswer,
  DISMISSAL_FIELDS,
  reportedDetail,
  SENTENCE_FIELDS,
  namedReason,
} from "../request/reason-answer.ts";
import { iso, Money, Timestamp } from "../request/route.ts";
import { asReported } from "../../core/reasons/reason.ts";

const RunEnd = z.object({
  told_at: Timestamp,
  phase: z.string().openapi({ description: "How the container ended", example: "exited" }),
  problem: z.string().nullable().openapi({
    description: "What kind of trouble it was; null: none",
    example: "exited",
  }),
  detail: z.string().nullable().openapi({
    description: "What its host reported of the end",
    example: "exited with code 0",
  }),
  ...DETAIL_FIELDS,
  exit_code: z.int().nullable(),
  out_of_memory: z.boolean(),
  signal: z.string().nullable(),
  /** The last lines that it wrote. */
  tail: z.string().nullable().openapi({
    description: "The last lines that it wrote",
    example: "epoch 3 done",
  }),
});

export const Restarts = z.object({
  count: z.int().openapi({ description: "How many restarts", example: 3 }),
  exit_code: z.int().nullable(),
  out_of_memory: z.boolean(),
  signal: z.string().nullable(),
  last_at: Timestamp.describe("When the last one was reported"),
  looping_since: Timestamp.nullable().openapi({
    description: "Since when the restarts come in a row, three at least; null: it is calm",
  }),
});

/** Free because something broke. */
const Waived = z.object({
  reason: z.string().openapi({ description: "By which rule: what broke, or `loading`", example: "gpu-lost" }),
  from: Timestamp.describe("Since when nothing is charged"),
  to: Timestamp.nullable().describe("Until when; null: to its end"),
  sentence: z.string().openapi({ description: "What broke, for people", example: "Free: the GPU was lost." }),
  ...SENTENCE_FIELDS,
});

const Figures = z.object({
  cpu_ms: z.int().nullable().openapi({
    description: "Time on a processor in milliseconds; null: unknown",
    example: 93_512,
  }),
  network_in_bytes: z.int().nullable().openapi({
    description: "Bytes that it received; null: unknown",
    example: 48_211_004,
  }),
  network_out_bytes: z.int().nullable().openapi({
    description: "Bytes that it sent; null: unknown",
    example: 1_200_455,
  }),
  last_output_at: Timestamp.nullable().describe("When it last wrote a line; null: never"),
  told_at: Timestamp.describe("When its host reported this last"),
});

const Run = z.object({
  id: z.string().openapi({ description: "Its id", example: "run-77a0c3f2" }),
  ordered_at: Timestamp,
  first_proven_at: Timestamp.nullable(),
  last_proven_at: Timestamp.nullable(),
  closed_at: Timestamp.nullable(),
  proven_ms: z.int(),
  waived_ms: z.int().openapi({ description: "Metered and not charged, as of the last charge", example: 0 }),
  waive_from: Timestamp.nullable().openapi({ description: "From then on nothing is charged" }),
  waive_reason: z.string().nullable(),
  billed_minutes: z.int(),
  charged: Money.nullable().openapi({ description: "Null for a key without the scope money" }),
  host_id: z.string(),
  waived: z.array(Waived).describe("Stretches that are free: something broke, or a replica loaded"),
  end: RunEnd.nullable().describe("How it ended; null while it runs"),
  restarts: Restarts.nullable().describe("The same of this run"),
});

const Gang = z
  .object({
    address: z.string().openapi({
      description: "Its address in the gang's own network",
      example: "10.224.17.129",
    }),
    held_at: Timestamp.nullable().openapi({
      description: "Since when its container is up and held, free of charge; null: it is not held",
    }),
    released_at: Timestamp.nullable().describe("When all ranks were released; null: not yet"),
    findings: z
      .array(
        z.object({
          check: z.string().openapi({
            description: "What was checked: network, clock, disk or shm",
            example: "network",
          }),
          is_passed: z.boolean().openapi({ description: "Whether it is as it should be", example: true }),
          detail: z.string().openapi({
            description: "What was found, in a sentence",
            example: "It answers within 0.3 ms.",
          }),
          ...DETAIL_FIELDS,
          address: z.string().nullable().openapi({
            description: "The rank that it speaks of; null: the host itself",
            example: "10.224.17.128",
          }),
        }),
      )
      .describe("What its host finds while it is held, of itself and of the network to the other ranks"),
    cut_off: z.array(z.string()).openapi({
      description: "Addresses of ranks from which it hears nothing, while it runs",
      example: ["10.224.17.130"],
    }),
  })
  .openapi("GangRank");

const Idle = z
  .object({
    since: Timestamp.openapi({
      description: "When its host reported that first, which is after the job's stall_minutes of it",
    }),
    processes: z
      .array(
        z.object({
          name: z.string().openapi({ description: "As they call themselves", example: "python3" }),
          state: z.string().openapi({
            description: "The kernel's letter: S sleeps, D waits for a device, T was stopped, R runs",
            example: "S",
          }),
          waits_in: z.string().nullable().openapi({
            description: "The kernel's function in which they wait; null: none, or unknown",
            example: "futex_wait_queue",
          }),
          count: z.int().openapi({ description: "How many of them", example: 8 }),
        }),
      )
      .describe("Those alike together, of at most 64"),
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
    ...SENTENCE_FIELDS,
  })
  .openapi("GpuFault");

export const Instance = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "inst-64ab09ee" }),
    rank: z.int().openapi({ description: "Which of the workload's instances, from 0", example: 0 }),
    epoch: z.int().openapi({ description: "How often it was placed", example: 1 }),
    state: z.string().openapi({
      description: "placed, starting, ready, stopping, stopped, failed or lost",
      example: "ready",
    }),
    want: z.string().openapi({ description: "The desired state: run, stop or remove", example: "run" }),
    detail: z.string().nullable().openapi({
      description: "What its host reported of it last, in a sentence",
      example: "started",
    }),
    ...DETAIL_FIELDS,
    problem: z.string().nullable().openapi({
      description: "What kind of trouble it has; null: none",
      example: "image-pull-failed",
    }),
    run_id: z.string().nullable(),
    host_id: z.string(),
    host_name: z.string(),
    container_id: z.string().nullable(),
    exit_code: z.int().nullable(),
    image_id: z.string().nullable().openapi({
      description:
        "The content of the image that its container was made of; null: its host has not reported it",
      example: "sha256:4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01",
    }),
    image_brings: z
      .array(z.string())
      .nullable()
      .openapi({
        description:
          "What that image brings, of bash, notebook, python, shell and tensorboard; null: its host has not checked",
        example: ["bash", "python", "shell"],
      }),
    figures: Figures.nullable().openapi({
      description:
        "What its container has used since its last start, as reported about once a minute; null: not reported yet",
    }),
    placed_at: Timestamp,
    gang: Gang.nullable(),
    idle: Idle.nullable(),
    frozen_since: Timestamp.nullable().openapi({
      description: "Since when somebody outside holds its container still; null: nobody does",
    }),
    revision: z.int().nullable().openapi({
      description: "Of a replica: of which revision of its service; null: it is none",
      example: 1,
    }),
    serving: z.string().nullable().openapi({
      description: "Whether it answers its check: not-yet, yes or no; null: its host does not report it",
      example: "yes",
    }),
    in_flight: z.int().nullable().openapi({
      description:
        "Of a replica: requests in flight, at all gateways that run, as they reported last; null: of other kinds, and where no gateway reports",
      example: 3,
    }),
    draining_since: Timestamp.nullable().openapi({
      description:
        "Since when it gets no request any more and only ends those that it has; null: it does not",
    }),
    dismissed_at: Timestamp.nullable().describe("Since when its service does without it; null: it is wanted"),
    dismissal: z.string().nullable().openapi({
      description: "Why its service does without it",
      example: "Scaled down to 1.",
    }),
    ...DISMISSAL_FIELDS,
    gpus: z
      .array(
        z.object({
          uuid: z.string().openapi({
            description: "Its id, as nvidia-smi names it",
            example: "GPU-8f3a2b1c-4d5e-6f70-8192-a3b4c5d6e7f8",
          }),
          model: z
            .string()
            .nullable()
            .openapi({ description: "The model", example: "NVIDIA A100-SXM4-80GB" }),
          simulated: z.boolean(),
          memory_mib: z.int().nullable().openapi({
            description: "MiB of the slice; null where the whole GPU is held",
            example: 24_576,
          }),
          reading: CardReading.nullable().openapi({
            description: "What its host reported of the GPU last; null of one that it holds no more",
          }),
          fault: GpuFault.nullable(),
        }),
      )
      .describe("The GPUs that it holds"),
    runs: z.array(Run).describe("Its runs, each an ordered start"),
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
    ...detailAnswer(view),
    gang: gang && gangAnswer(gang),
    idle: idle && idleAnswer(idle),
    frozen_since: iso(view.frozen_since),
    draining_since: iso(view.draining_since),
    dismissed_at: iso(view.dismissed_at),
    ...namedReason("dismissal", storedReason(view.dismissal)),
    figures: figures && figuresAnswer(figures),
    placed_at: view.placed_at.toISOString(),
    gpus: view.gpus.map((gpu) => ({
      ...gpu,
      reading: gpu.reading && readingAnswer(gpu.reading),
      fault: gpu.fault && { code: gpu.fault.code, ...namedReason("sentence", faultReason(gpu.fault)) },
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
    findings: (gang.findings ?? []).map(({ check, isPassed, detail, reason, address }) => ({
      check,
      is_passed: isPassed,
      detail,
      ...reportedDetail(detail, reason),
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
  return { ...end, ...detailAnswer(end), told_at: reportedAt.toISOString() };
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
    waived: run.waived.map(({ from, to, sentence, ...why }) => ({
      ...why,
      ...namedReason("sentence", storedReason(sentence) ?? asReported("")),
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
