/** What a host reports of leased ports, and of what answers behind them. */
import type { CodeShapes } from "../../parameters.ts";

export const LEASE_REPORT_CODES = {
  "lease-idle": { hours: "number" },
  "lease-port-taken": { port: "number" },
  "lease-ports-exhausted": {
    first_port: "number",
    last_port: "number",
    held_ports: "number",
    resting_ports: "number",
    foreign_ports: "number",
  },
  "lease-ports-at-most": { max_ports: "number" },
  "lease-address-foreign": {},
  "lease-port-privileged": {},
  "lease-files-too-many": {},
  "lease-not-bindable": { error_code: "text" },
  "password-guessed": { until: "text" },
} as const satisfies CodeShapes;

export const SERVICE_REPORT_CODES = {
  "service-port-closed": { port: "number" },
  "service-port-without-ssh": { port: "number" },
  "service-sessions-killed": {},
  "container-processes-used-up": { max_processes: "number" },
  "container-memory-used-up": { memory_mib: "number" },
  "container-memory-killed": {},
} as const satisfies CodeShapes;
