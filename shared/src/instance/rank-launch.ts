/**
 * Jobs of which one rank starts processes on all others, as mpirun does: by SSH, within the gang's own network, with keys
 * of this attempt alone. An order with it needs the feature "launch".
 */
import { z } from "zod";
import { text } from "../values/text.ts";
import { KIB } from "../values/units.ts";

/** Where the ranks that follow listen, each on its address within the gang. */
export const RANK_SSH_PORT = 2023;
/** As containers see them: the SSH client that knows the other ranks, in a folder of its own, and the list of all ranks. */
export const RANK_SSH_FOLDER = "/.remotegpu/libexec/launch";
export const RANK_SSH = `${RANK_SSH_FOLDER}/ssh`;
export const RANK_HOSTFILE = "/.remotegpu/live/hostfile";

export const RankLaunch = z.object({
  /** One leads: its command runs. The others follow: what it starts on them runs, and a command of their own does not. */
  role: z.enum(["leads", "follows"]),
  /** The attempt of the job: each has other keys. */
  attempt: z.int().positive(),
  /** Processes that each rank has room for. */
  slots: z.int().positive().max(1_024),
});
export type RankLaunch = z.infer<typeof RankLaunch>;

/** The keys of one side: the rank that leads is the client of all others. */
export const RankKeys = z.object({
  /** Its own: PKCS #8, PEM. */
  privateKey: text(8 * KIB),
  /** The public one of the other side, as a line of an authorized_keys file has it. */
  otherLine: z
    .string()
    .max(KIB)
    .regex(/^ssh-ed25519 [A-Za-z0-9+/]+={0,2}$/),
});
export type RankKeys = z.infer<typeof RankKeys>;
