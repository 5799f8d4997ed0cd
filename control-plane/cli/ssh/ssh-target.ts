/** Where an environment is reached by SSH, once it is: waits through its starting and says what it waits for. */
import {
  getEnvironment,
  getEnvironmentAccess,
  listEnvironments,
  startEnvironment,
} from "../../client/generated/api.ts";
import type { AccessService, Environment } from "../../client/generated/api.schemas.ts";
import { CliError } from "../framework/cli-error.ts";
import type { Context } from "../framework/context.ts";
import { optionOr } from "../framework/command.ts";
import { wholeNumber } from "../framework/arguments.ts";
import { type WaitState, waitUntil } from "../work/wait.ts";

const WAIT_SECONDS = "1800";

/** The options of every command that enters one. */
export const waits = () => ({
  timeout: optionOr(
    "--timeout <seconds>",
    "how long to wait for one that is still starting",
    wholeNumber(),
    WAIT_SECONDS,
  ),
});

/** A port that is held and leads nowhere all the same may come right at once, or never. */
const UNREACHABLE_CHECKS = 20;

/** One of a key's type and its body, as a line of known_hosts has them behind the host's name. */
const HOST_KEY = / (ssh-[a-z0-9-]+ [A-Za-z0-9+/]+={0,2})$/;
/** What goes before a word of ssh's command line; anything else would be read as an option. */
const HOST = /^[A-Za-z0-9:][A-Za-z0-9.:_-]*$/;

export interface SshTarget {
  id: string;
  name: string;
  host: string;
  port: number;
  /** Its key as `type body`; null where its server is the image's own, whose key nobody told. */
  hostKey: string | null;
  /** Its port leads nowhere from here; the gateway does. */
  isThroughGateway: boolean;
}

/** @throws CliError where it is not on its way there, past the bound, and with Ctrl-C */
export async function sshTarget({ api }: Context, id: string, seconds: number): Promise<SshTarget> {
  let unreachable = 0;
  const check = async (): Promise<WaitState<SshTarget>> => {
    const environment = await api.send(getEnvironment(id));
    const { status, name } = environment;
    const reason = environment.status_reason ?? "";
    const stands = `${name} is ${status}${reason === "" ? "." : `: ${reason}`}`;
    if (status === "error") throw new CliError("refused", stands);
    if (status === "stopped" && environment.config?.["wake"] === true) {
      await api.send(startEnvironment(id));
      return { waitsFor: `${name} was stopped, and is starting.`, stands };
    }
    if (status === "stopped" || status === "stopping")
      throw new CliError("refused", `${stands} Start it: remotegpu env start ${environment.id}`);
    if (status !== "running") return { waitsFor: stands, stands };
    const service = await sshService({ api }, id);
    if (service === null)
      throw new CliError("refused", `SSH is switched off. Switch it on: remotegpu env update ${id} --ssh on`);
    const why = service.reason ?? `SSH of ${name} is ${service.state}.`;
    const target = routeThrough(environment, service);
    if (target !== null) return { done: target };
    if (service.state === "none" || service.state === "released")
      throw new CliError("refused", `${why} (remotegpu env access ${environment.id} --renew)`);
    unreachable += service.state === "held" ? 1 : 0;
    if (unreachable >= UNREACHABLE_CHECKS) throw new CliError("refused", why);
    return { waitsFor: why, stands: why };
  };
  return await waitUntil(check, { seconds, goesOn: `remotegpu env access ${id}` });
}

/** The WebSocket by which the gateway leads to its SSH. @throws CliError where it does not */
export async function gatewayOf({ api }: Pick<Context, "api">, id: string): Promise<string> {
  const service = await sshService({ api }, id);
  if (typeof service?.gateway_url === "string") return service.gateway_url;
  const isThere = service?.reachable === true;
  throw new CliError(
    "refused",
    isThere
      ? "No gateway of this server leads there: it has no WEB_DOMAIN."
      : (service?.reason ?? "SSH is switched off."),
  );
}

/** The targets of all that run and can be entered now. */
export async function sshTargets(context: Pick<Context, "api">): Promise<SshTarget[]> {
  const running = await context.api.list(listEnvironments({ status: "running" }));
  const targets: SshTarget[] = [];
  for (const environment of running) {
    const service = await sshService(context, environment.id);
    const target = service === null ? null : routeThrough(environment, service);
    if (target !== null) targets.push(target);
  }
  return targets;
}

/** Null where it is switched off. */
async function sshService({ api }: Pick<Context, "api">, id: string): Promise<AccessService | null> {
  const { services } = await api.send(getEnvironmentAccess(id));
  return services.find(({ service }) => service === "ssh") ?? null;
}

/** Null where it leads nowhere now. */
function routeThrough(
  { id, name }: Environment,
  { reachable: isReachable, host, port, known_hosts: knownHosts, gateway_url: url }: AccessService,
): SshTarget | null {
  const isThroughGateway = !isReachable && typeof url === "string";
  if ((!isReachable && !isThroughGateway) || host === null || port === null) return null;
  const hostKey = HOST_KEY.exec(knownHosts?.trim() ?? "")?.[1] ?? null;
  return { id, name, host: checkedHost(host), port, hostKey, isThroughGateway };
}

function checkedHost(host: string): string {
  if (!HOST.test(host)) throw new CliError("unavailable", "The server named a host that is none.");
  return host;
}
