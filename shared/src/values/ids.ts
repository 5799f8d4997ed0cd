/** Branded ids: a run's id cannot be passed where an instance's is wanted. All are opaque strings. */
import { z } from "zod";

/** Safe in a NATS subject token, a container name, a file name and a URL path. */
const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const HostId = z.string().regex(ID).brand<"HostId">();
export type HostId = z.infer<typeof HostId>;

export const WorkloadId = z.string().regex(ID).brand<"WorkloadId">();
export type WorkloadId = z.infer<typeof WorkloadId>;

export const InstanceId = z.string().regex(ID).brand<"InstanceId">();
export type InstanceId = z.infer<typeof InstanceId>;

export const RunId = z.string().regex(ID).brand<"RunId">();
export type RunId = z.infer<typeof RunId>;

/** Names one taking of a port; a port that is taken again is another lease. */
export const LeaseId = z.string().regex(ID).brand<"LeaseId">();
export type LeaseId = z.infer<typeof LeaseId>;

/** What `nvidia-smi` prints: GPU-… or MIG-…; simulated cards use GPU-… too. */
export const GpuUuid = z
  .string()
  .regex(/^(GPU|MIG)-[A-Za-z0-9/-]{8,120}$/)
  .brand<"GpuUuid">();
export type GpuUuid = z.infer<typeof GpuUuid>;

/** The kernel's boot id (a UUID), new at each boot. */
export const BootId = z.uuid().brand<"BootId">();
export type BootId = z.infer<typeof BootId>;

/** Made when a journal file is created; a lost journal comes back under a new one. */
export const JournalId = z.uuid().brand<"JournalId">();
export type JournalId = z.infer<typeof JournalId>;

/** A user nkey's public half, by which a host is known. */
export const PublicNkey = z.string().regex(/^U[A-Z2-7]{55}$/);
