/** What a running container has used so far, as heartbeats tell it: for people and for decisions, never for a bill. */
import { z } from "zod";
import { InstanceId, RunId } from "../values/ids.ts";
import { MS_PER_DAY } from "../values/units.ts";

/** In one heartbeat; of more running containers a host tells the others in the next ones, by turns. */
export const MAX_FIGURES = 64;

/** What an INT column of the control plane holds. */
const MAX_INT = 2_147_483_647;
/** Ten years: no container is older. */
const MAX_AGE_MS = 3_650 * MS_PER_DAY;

/** Each counts from the container's last start; null where it cannot be told. */
export const InstanceFigures = z.object({
  instanceId: InstanceId,
  placementEpoch: z.int().positive().max(MAX_INT),
  runId: RunId,
  cpuMs: z.int().nonnegative().nullable(),
  networkInBytes: z.int().nonnegative().nullable(),
  networkOutBytes: z.int().nonnegative().nullable(),
  /** Since it last wrote a line; null where it never has. */
  lastOutputAgeMs: z.int().nonnegative().max(MAX_AGE_MS).nullable(),
});
export type InstanceFigures = z.infer<typeof InstanceFigures>;
