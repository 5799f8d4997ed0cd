import { expect, test } from "vitest";
import {
  isLaunched,
  launchEnvironment,
} from "@remotegpu/control-plane/server/core/training/launch/launch-environment";

const ALONE = {
  REMOTEGPU_PROCESSES: "4",
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_hwloc_base_binding_policy: "none",
  PRTE_MCA_hwloc_default_binding_policy: "none",
  OMPI_MCA_orte_set_default_slots: "4",
  PRTE_MCA_prte_set_default_slots: "4",
};
const OF_THREE = {
  ...ALONE,
  REMOTEGPU_PROCESSES: "12",
  REMOTEGPU_HOSTFILE: "/.remotegpu/live/hostfile",
  OMPI_MCA_orte_default_hostfile: "/.remotegpu/live/hostfile",
  PRTE_MCA_prte_default_hostfile: "/.remotegpu/live/hostfile",
  OMPI_MCA_plm_rsh_agent: "/.remotegpu/libexec/launch/ssh",
  PRTE_MCA_plm_ssh_agent: "/.remotegpu/libexec/launch/ssh",
  OMPI_MCA_plm_rsh_no_tree_spawn: "1",
  PRTE_MCA_plm_ssh_no_tree_spawn: "1",
  OMPI_MCA_oob_tcp_if_include: "eth0",
  PRTE_MCA_prte_if_include: "eth0",
  OMPI_MCA_btl_tcp_if_include: "eth0",
};

test.each([
  ["mpi", true],
  ["horovod", true],
  ["pytorch", false],
  [undefined, false],
])("of %s one rank starts the processes of all: %s", (framework, is) => {
  expect(isLaunched(framework)).toBe(is);
});

test("mpirun gets where it starts how many, and by what method", () => {
  expect(launchEnvironment("mpi", { ranks: 3, slots: 4 })).toEqual(OF_THREE);
});

test("of a rank alone it gets how many", () => {
  expect(launchEnvironment("mpi", { ranks: 1, slots: 4 })).toEqual(ALONE);
  expect(launchEnvironment("horovod", { ranks: 1, slots: 4 })).toEqual(ALONE);
});

test("Horovod's own processes get the network in which they meet", () => {
  expect(launchEnvironment("horovod", { ranks: 3, slots: 4 })).toEqual({
    ...OF_THREE,
    HOROVOD_GLOO_IFACE: "eth0",
  });
});
