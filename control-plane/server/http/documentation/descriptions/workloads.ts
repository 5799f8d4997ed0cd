/** Environments, training jobs, inference services, what they mount, and how they run. */
import type { Descriptions } from "./description.ts";

const MIB = 1_048_576;
const GIB = 1_073_741_824;

export const WORKLOAD_DESCRIPTIONS: Descriptions = {
  "QueuedOrder.size": ["What it requests"],
  share: ["The payer's share of the fleet beside that of the others who wait; null when it does not wait"],

  "EnvironmentDeletion.id": ["The environment", "env-5b1f6c0e"],

  image: ["The container image, as a runtime takes it", "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime"],
  status: ["Where it stands", "running"],
  status_reason: [
    "Why it is in its status, in a sentence; null where there is nothing to add",
    "waits for a free GPU",
  ],
  status_deadline_at: ["By when a status that ends in -ing becomes another"],
  host_id: ["The host; null where there is none", "host-91d3e7b4"],
  host_name: ["The host's name", "gpu-07"],
  storage_pool: [
    "Hosts that see one file tree; an environment starts only in the pool of its first start",
    "pool-a",
  ],
  cpu: ["Cores of each instance", 4],
  memory: ["Bytes of memory of each instance", 16 * GIB],
  gpu: ["GPUs of each instance", 1],
  gpu_memory: ["Bytes that each GPU must have; of a shared one the slice", 24 * GIB],
  storage: ["Bytes that code and output may take; null: unlimited", 100 * GIB],
  temp_storage: [
    "Bytes that the container itself may write; null: as much as a setting of the fleet allows, free",
    20 * GIB,
  ],
  ssh_enabled: ["Whether it is to be reached by SSH"],
  jupyter_enabled: ["Whether JupyterLab is to run in it"],
  tensorboard_enabled: ["Whether TensorBoard is to run in it"],
  rdp_enabled: ["Whether it is to be reached by RDP"],
  web_terminal_enabled: ["Whether a terminal in the browser may be opened"],
  mounted_datasets: ["Datasets in the container, read-only, 3 at most"],
  mounted_models: ["Models in the container, read-only, 3 at most"],
  env_vars: [
    'Environment variables of the container, passed literally. Answers have values for who may manage the workload with a key of scope orders, where it is requested alone, and {"sealed": true} in place of each for everybody else and in lists; no order takes that',
    { EPOCHS: "3" },
  ],
  config: ["What is ordered beyond the columns", { spec: "standard" }],
  container_id: ["The container on its host", "9c2f6f1e7a3b"],
  started_at: ["When it began to run last"],
  simulated: ["True where any of its GPUs is a simulated one"],
  instances: ["Its containers, each on one host"],

  "EnvironmentChange.config": [
    "Of its settings idle_stop_minutes and wake can be changed",
    { idle_stop_minutes: 120 },
  ],

  run_id: ["The run", "run-77a0c3f2"],
  exit_code: ["The exit code; null while it runs", 0],
  placed_at: ["When its host was chosen"],
  "Instance.gang": ["Its place among the ranks that start together; null: it starts alone"],
  "Instance.idle": [
    "Since when a job's rank is reported idle, and what its processes waited for then; null: it is not idle",
  ],
  "InstanceGpu.fault": ["What its host holds against the GPU; null: nothing, or it holds the GPU no more"],
  ordered_at: ["When its start was ordered"],
  first_proven_at: ["Since when it ran, as its host proves; null: not yet"],
  last_proven_at: ["Until when it ran, as its host proves"],
  closed_at: ["When nothing more came of it; null while it is open"],
  proven_ms: ["Milliseconds that its host proves", 3_600_000],
  waived_ms: ["Milliseconds that are metered and not charged", 0],
  waive_reason: ["By which rule nothing is charged from then on", "stop-by-person: ordered by customer 12"],
  billed_minutes: ["Minutes that were charged: begun ones count whole", 60],
  told_at: ["When its host reported this"],
  out_of_memory: ["Whether the kernel killed it for memory"],
  signal: ["The signal that ended it; null: none", "SIGKILL"],

  stdout: ["What it wrote to its standard output", "GPU 0: NVIDIA A100"],
  stderr: ["What it wrote to its standard error", ""],
  truncated: ["True where the output was longer than is passed on"],

  internal_port: ["The port within the container", 8888],
  host: ["The address to connect to", "203.0.113.7"],
  last_accessed_at: ["When it was used last"],
  release_due_at: ["When it is released unless it is used; a notification comes before"],

  bytes_in: [
    "Bytes that came from clients through its port since it was leased; null where its host does not report it",
    48_211_004,
  ],
  bytes_out: ["Bytes that went to clients; likewise", 1_200_455],
  client_address: ["The address that connected, as its host saw it", "198.51.100.4"],
  made_at: ["From then on it opens"],
  ended_by: ["Who ended it; control-plane where its time was over", "admin 1"],

  env_id: ["The environment", "env-5b1f6c0e"],
  service_type: ["ssh, rdp, jupyter, tensorboard or custom", "ssh"],
  auto_release_hours: ["After so many hours without access it is given back", 48],
  allocated_at: ["When it was taken"],

  framework: ["Which framework it uses", "pytorch"],
  priority: ["Among the orders of its workspace: larger is tried first", 0],
  distributed_config: ["How its ranks find each other", { framework: "pytorch", backend: "nccl" }],

  at: ["When"],
  actor: ["Who caused it: a customer, an administrator, a host or the system", "customer 43"],
  instance_id: ["The instance", "inst-64ab09ee"],

  visibility: ["private (its owner), workspace or public", "private"],
  "Dataset.mounted_by": ["Who mounts it: while anybody does, it cannot be deleted"],
  "Model.mounted_by": ["Who mounts it: while anybody does, it cannot be deleted"],
  manifest_sha256: [
    "SHA-256, in hex, of the list of its files: a line of JSON for each, with path (base64url), bytes, sha256 (base64) and isExecutable, in the order of a walk",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  ],
  upload: ["Named with everything that is sent for it; another upload that begins ends it", "17-1"],

  category: ["What it is for", "pytorch"],
  framework_version: ["The framework's version", "2.5.1"],
  cuda_version: ["The version of CUDA in it", "12.4"],
  python_version: ["The version of Python in it", "3.11"],
  is_official: ["Whether the operator vouches for it"],
  size: ["Bytes", 3500 * MIB],
  registry_url: ["Where it comes from", "docker.io"],
};
