import { messagesFor } from "../../messages.ts";
import type { LEASE_REPORT_CODES, SERVICE_REPORT_CODES } from "../codes/leases.ts";

export const LEASE_REPORT_ENGLISH = messagesFor<typeof LEASE_REPORT_CODES>()({
  "lease-idle": "Nobody used it for {hours} hours.",
  "lease-port-taken": "Another program of the host uses port {port}; it is tried again.",
  "lease-ports-exhausted":
    "No port from {first_port} to {last_port} is free: {held_ports} are held, {resting_ports} rest for 10 minutes, {foreign_ports} that were tried are other programs'.",
  "lease-ports-at-most": "This host holds {max_ports} ports, which is the most.",
  "lease-address-foreign": "The address of REMOTEGPU_LEASE_ADDRESS is not this host's.",
  "lease-port-privileged":
    "Ports below 1024 of REMOTEGPU_LEASE_PORTS are not for the relay, which has no privileges.",
  "lease-files-too-many": "Too many files are open on this host.",
  "lease-not-bindable": "The port cannot be bound ({error_code}).",
  "password-guessed":
    "Too many guesses at its password: until {until} UTC it opens from addresses that logged in within a week alone; keys and the web terminal always lead in.",
});

export const SERVICE_REPORT_ENGLISH = messagesFor<typeof SERVICE_REPORT_CODES>()({
  "service-port-closed": "Nobody listens on port {port} in the container.",
  "service-port-without-ssh":
    "What listens on port {port} in the container does not answer as a server of SSH.",
  "service-sessions-killed": "The kernel ends what a session begins.",
  "container-processes-used-up": "The container has used up the {max_processes} processes that it may have.",
  "container-memory-used-up": "The container has used up the {memory_mib} MiB of memory that it may have.",
  "container-memory-killed": "The container has used up its memory: the kernel has ended what ran in it.",
});
