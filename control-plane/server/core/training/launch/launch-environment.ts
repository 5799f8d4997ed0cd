/**
 * What mpirun and horovodrun find, so that the plain command of rank 0 starts a process for each GPU of all ranks: a list
 * of the ranks, the SSH client that knows them, and the network that they have in common. Of the ranks that follow it runs
 * nothing but what is started on them, by SSH, in the same environment.
 *
 * Each variable is one of Open MPI 4 (OMPI_MCA_*) or of the runtime of Open MPI 5 (PRTE_MCA_*), where the two differ of
 * both. RANK, WORLD_SIZE and their like are not among them: every process would have those of its rank, which are not its
 * own, and believe them.
 */
import { RANK_HOSTFILE, RANK_SSH } from "@remotegpu/shared/instance/rank-launch";

/** Those of which one rank's command starts the processes of all. */
export const LAUNCHED = ["horovod", "mpi"] as const;
export type Launched = (typeof LAUNCHED)[number];

/** Containers of gangs have this network alone. */
const DEVICE = "eth0";

export function isLaunched(framework: string | undefined): framework is Launched {
  return LAUNCHED.some((launched) => launched === framework);
}

/** @param slots the processes that each rank has room for */
export function launchEnvironment(
  framework: Launched,
  { ranks, slots }: { ranks: number; slots: number },
): Record<string, string> {
  return {
    REMOTEGPU_PROCESSES: String(ranks * slots),
    ...AS_ROOT,
    ...UNBOUND,
    // Of a rank alone there is no list that says it, and Open MPI 5 does not take it from the list for the first one.
    OMPI_MCA_orte_set_default_slots: String(slots),
    PRTE_MCA_prte_set_default_slots: String(slots),
    ...(ranks > 1 && ON_OTHER_RANKS),
    ...(ranks > 1 && framework === "horovod" && { HOROVOD_GLOO_IFACE: DEVICE }),
  };
}

/** Containers run as the image says, which is root in most; mpirun asks for the two as a consent. */
const AS_ROOT = { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" };

/** Containers share the processors of their host by time: bound to the first ones, those of several would share these. */
const UNBOUND = {
  OMPI_MCA_hwloc_base_binding_policy: "none",
  PRTE_MCA_hwloc_default_binding_policy: "none",
};

const ON_OTHER_RANKS = {
  REMOTEGPU_HOSTFILE: RANK_HOSTFILE,
  OMPI_MCA_orte_default_hostfile: RANK_HOSTFILE,
  PRTE_MCA_prte_default_hostfile: RANK_HOSTFILE,
  OMPI_MCA_plm_rsh_agent: RANK_SSH,
  PRTE_MCA_plm_ssh_agent: RANK_SSH,
  // Only the first rank has a key: the others start nothing on each other.
  OMPI_MCA_plm_rsh_no_tree_spawn: "1",
  PRTE_MCA_plm_ssh_no_tree_spawn: "1",
  OMPI_MCA_oob_tcp_if_include: DEVICE,
  PRTE_MCA_prte_if_include: DEVICE,
  OMPI_MCA_btl_tcp_if_include: DEVICE,
};
