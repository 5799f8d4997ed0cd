/** Hosts, GPUs, how hosts join, and what operators look at. */
import type { Descriptions } from "./description.ts";

export const FLEET_DESCRIPTIONS: Descriptions = {
  expires_at: ["Until when it holds"],
  access: ["The same for the process by which people get in"],
  hostname: ["What the machine calls itself", "gpu-07.example.com"],
  arch: ["Its processor", "x86_64"],
  ca: ["PEM of the CA to trust; null: a public one", "-----BEGIN CERTIFICATE-----"],

  public_ip: ["Where customers reach it; null: at its own address", "203.0.113.7"],
  health_status: ["healthy, degraded, unhealthy or unknown", "healthy"],
  connection: ["never, connected, suspect (30 s unheard) or unreachable (90 s)", "connected"],
  cordoned: ["True: nothing new is placed on it"],
  cordon_reason: ["Why, in the words of who did it", "new cables"],
  labels: ["By which orders select hosts", { zone: "a", rack: "r7" }],
  tags: ["Words for operators", ["new"]],
  "Host.canary": [
    "What came of the container by which its agent tries each hour what must be refused; null: it has reported none",
  ],

  gpu_index: ["Its number in the host", 0],
  memory_used_mib: ["MiB of memory in use", 1024],
  utilization_percent: ["How busy it is", 97],
  temperature_c: ["Its temperature in °C", 61],
  power_w: ["What it draws in watts", "250.00"],
  "GpuHistoryPoint.utilization": ["Share of time in which a kernel ran, from nvidia-smi; null: not reported"],
  "GpuHistoryPoint.memory_used": ["MiB of memory in use; null: not reported"],
  "GpuHistoryPoint.temperature": ["°C; null: not reported"],
  "GpuHistoryPoint.power": ["Watts; null: not reported"],
  vanished_at: ["Since when its host does not see it; null: it does"],

  "FleetMap.totals": ["What the whole fleet sums up to"],
  sampled_at: ["When its host last reported its load"],

  hosts_cordoned: ["Hosts on which nothing new is placed", 1],
  gpus_total: ["GPUs", 96],
  gpus_free: ["GPUs that an order could take whole now", 40],
  queued: ["Workloads that wait", 4],
  alarms_open: ["Alarms that nobody has cleared", 0],
};
