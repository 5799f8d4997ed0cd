/**
 * Which services of a container answer without a lease, since gateways carry them: where each listens, and how it is told
 * whether it answers. Pure: who looks is the access process.
 */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import type { DesiredInstance, ObservedInstance, ServiceAnswer } from "@remotegpu/shared/instance/instance";
import type { RunId } from "@remotegpu/shared/values/ids";
import { SSH_PORT } from "@remotegpu/shared/instance/ssh-access";

type Order = Pick<DesiredInstance, "spec" | "live">;
interface Watched {
  name: string;
  service: LeaseService;
  internalPort: number;
}

const JUPYTER: Watched = { name: "jupyter", service: "jupyter", internalPort: 8888 };
const TENSORBOARD: Watched = { name: "tensorboard", service: "tensorboard", internalPort: 6006 };
/** Behind it sshd answers. */
const TERMINAL: Watched = { name: "terminal", service: "ssh", internalPort: SSH_PORT };

/** Those that are to run. */
export function watchedServices({ spec, live }: Order): Watched[] {
  return [
    ...(spec.jupyter && live.jupyterToken !== undefined ? [JUPYTER] : []),
    ...(spec.tensorboard ? [TENSORBOARD] : []),
    ...(live.ssh === undefined ? [] : [TERMINAL]),
  ];
}

/** Adds to what is told of each run that is ready what was seen of its services. */
export function withServices(
  instances: readonly ObservedInstance[],
  seen: readonly ({ runId: RunId; name: string } & ServiceAnswer)[],
): ObservedInstance[] {
  const ofRun = Map.groupBy(seen, ({ runId }) => runId);
  return instances.map((instance) => {
    const services = ofRun.get(instance.runId);
    if (services === undefined || instance.phase !== "ready") return instance;
    return {
      ...instance,
      services: Object.fromEntries(services.map(({ runId: _run, name, ...answer }) => [name, answer])),
    };
  });
}
