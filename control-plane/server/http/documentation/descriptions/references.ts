/**
 * What a field means that refers to a schema with a name of its own: said in its zod schema, it would make the library
 * write a copy of that schema in place of the reference. The ids of deletions stand here, too, since one piece makes
 * their schemas for every kind of workload.
 */
import type { Descriptions } from "./description.ts";

export const REFERENCE_DESCRIPTIONS: Descriptions = {
  "AccessLogEntry.login": [
    "The login as the container or, of a terminal, the gateway reported it; null: none was reported",
  ],
  "AccessSession.login": [
    "The login as the container or, of a terminal, the gateway reported it; null: none was reported",
  ],
  "Dataset.mounted_by": ["Who mounts it: while anybody does, it cannot be deleted"],
  "EnvironmentChange.config": [
    "Of its settings idle_stop_minutes and wake can be changed",
    { idle_stop_minutes: 120 },
  ],
  "EnvironmentDeletion.id": ["The environment", "env-5b1f6c0e"],
  "FleetMap.totals": ["What the whole fleet sums up to"],
  "GpuHistoryPoint.memory_used": ["MiB of memory in use; null: not reported"],
  "GpuHistoryPoint.power": ["Watts; null: not reported"],
  "GpuHistoryPoint.temperature": ["°C; null: not reported"],
  "GpuHistoryPoint.utilization": ["Share of time in which a kernel ran, from nvidia-smi; null: not reported"],
  "Host.canary": [
    "What came of the container by which its agent tries each hour what must be refused; null: it has reported none",
  ],
  "Host.drill": ["Its last drill; null: it reported none"],
  "HostDrill.faults": ["What was played, in the order in which it was"],
  "InferenceService.rollout": ["The version that a pending upgrade leads to; null: none is pending"],
  "InferenceServiceChange.config": [
    "How it shows itself at gateways; null in it: as by default",
    { max_in_flight: 32 },
  ],
  "InferenceServiceDeletion.id": ["The service", "svc-8e04b6aa"],
  "InferenceServiceUpgrade.config": [
    "Parts of its config that change; null takes one out",
    { command: "python3 serve.py" },
  ],
  "Instance.gang": ["Its place among the ranks that start together; null: it starts alone"],
  "Instance.idle": [
    "Since when a job's rank is reported idle, and what its processes waited for then; null: it is not idle",
  ],
  "Host.agent_upgrade": ["Releases of its agent and their upgrade; null: it cannot upgrade itself"],
  "UpgradeStatus.served_release": [
    "The release that this server hands out, and that can be named; null: none",
  ],
  "UpgradeStatus.upgrade": ["The upgrade that is open, else the last; null: there was none"],
  "InstanceGpu.fault": ["What its host holds against the GPU; null: nothing, or it holds the GPU no more"],
  "Model.mounted_by": ["Who mounts it: while anybody does, it cannot be deleted"],
  "NewTrainingJob.array": [
    "As many jobs at once, at most 1,000, each with its index as REMOTEGPU_ARRAY_INDEX; of the quotas each takes its own",
  ],
  "Problem.printed": ["With 504, of a command that was killed at its deadline: what it had printed"],
  "QueuedOrder.size": ["What it requests"],
  "ServiceTraffic.cost": ["What the ledger has of its replicas"],
  "ServiceTraffic.total": ["All of the stretch together"],
  "TrainingJobDeletion.id": ["The job", "job-3c9a72d1"],
  autoscaling: ["What its load was last found to call for; null where autoscaling is off"],
  autoscaling_config: ["What load it aims at", { target_qps: 100 }],
  distributed_config: ["How its ranks find each other", { framework: "pytorch", backend: "nccl" }],
  first_byte: ["From a request to the first byte of a replica's answer"],
  includes: ["What the spec includes at most; null where parts are paid one by one"],
  shape: ["What an order may have of each at most; null: whatever has a line"],
  share: ["The payer's share of the fleet beside that of the others who wait; null when it does not wait"],
  took: ["From a request to the end of its answer; WebSockets are none"],
  waited: ["How long requests waited for a replica"],
};
