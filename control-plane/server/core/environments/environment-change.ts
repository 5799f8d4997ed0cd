/**
 * Changes of an environment that is there: which of them its container learns only when it is started anew, and which
 * of its services get or lose their port by them at once.
 */
import { NAMED_SERVICES, type ServiceSwitches } from "../leases/lease-plan.ts";

/** Switches that a container is made with. The others change its ports, which are bound and released while it runs. */
export interface ContainerSwitches {
  jupyter_enabled: boolean;
  tensorboard_enabled: boolean;
}

/**
 * The fields that the container does not know yet.
 * @param running what the container was made with; null where none is wanted running, so that the next start knows all
 */
export function waitingForRestart(wanted: ContainerSwitches, running: ContainerSwitches | null): string[] {
  if (running === null) return [];
  return (["jupyter_enabled", "tensorboard_enabled"] as const).filter(
    (field) => wanted[field] !== running[field],
  );
}

/**
 * The services that are to have a port after the change: those that had one, as long as they are switched on, and those
 * that it switches on. A port that was released before stays so until it is renewed or the environment started.
 */
export function servicesWithPort(
  before: ServiceSwitches,
  after: ServiceSwitches,
  leased: readonly string[],
): ServiceSwitches {
  const isLeased = (service: (typeof NAMED_SERVICES)[number]) =>
    after[service] && (!before[service] || leased.includes(service));
  return {
    ssh: isLeased("ssh"),
    rdp: isLeased("rdp"),
    jupyter: isLeased("jupyter"),
    tensorboard: isLeased("tensorboard"),
  };
}

export function changesPorts(before: ServiceSwitches, after: ServiceSwitches): boolean {
  return NAMED_SERVICES.some((service) => before[service] !== after[service]);
}
