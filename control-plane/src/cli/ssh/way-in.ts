/** Where an environment is reached by SSH, once it is: waits through its starting and says what it waits for. */
import { z } from "zod";
import { CliError } from "../frame/cli-error.ts";
import type { Context } from "../frame/context.ts";
import { segment } from "../frame/list-command.ts";
import { type Look, waitUntil } from "../work/wait.ts";

/** A port that is held and leads nowhere all the same may come right at once, or never. */
const UNREACHABLE_LOOKS = 20;

const Environment = z.looseObject({
  id: z.string(),
  name: z.string(),
  status: z.string(),
  status_reason: z.string().nullish(),
});
const Service = z.looseObject({
  service: z.string(),
  state: z.string(),
  reachable: z.boolean(),
  host: z.string().nullable(),
  port: z.int().nullable(),
  reason: z.string().nullable(),
  known_hosts: z.string().nullish(),
});
const Access = z.looseObject({ services: z.array(Service) });

/** One of a key's type and its body, as a line of known_hosts has them behind the host's name. */
const HOST_KEY = / (ssh-[a-z0-9-]+ [A-Za-z0-9+/]+={0,2})$/;
/** What goes before a word of ssh's command line; anything else would be read as an option. */
const HOST = /^[A-Za-z0-9:][A-Za-z0-9.:_-]*$/;

export interface SshWay {
  id: string;
  name: string;
  host: string;
  port: number;
  /** Its key as `type body`; null where its server is the image's own, whose key nobody told. */
  hostKey: string | null;
}

/** @throws CliError where it is not on its way there, past the bound, and with Ctrl-C */
export async function sshWay({ api }: Context, id: string, seconds: number): Promise<SshWay> {
  let unreachable = 0;
  const look = async (): Promise<Look<SshWay>> => {
    const environment = Environment.parse(await api.get(`/environments/${segment(id)}`));
    const { status, name } = environment;
    const reason = environment.status_reason ?? "";
    const stands = `${name} is ${status}${reason === "" ? "." : `: ${reason}`}`;
    if (status === "error") throw new CliError("refused", stands);
    if (status === "stopped" || status === "stopping")
      throw new CliError("refused", `${stands} Start it: remotegpu env start ${environment.id}`);
    if (status !== "running") return { waitsFor: stands, stands };
    const service = await sshService({ api }, id);
    const why = service.reason ?? `SSH of ${name} is ${service.state}.`;
    if (service.reachable && service.host !== null && service.port !== null)
      return {
        done: {
          id: environment.id,
          name,
          host: checkedHost(service.host),
          port: service.port,
          hostKey: HOST_KEY.exec(service.known_hosts?.trim() ?? "")?.[1] ?? null,
        },
      };
    if (service.state === "none" || service.state === "released")
      throw new CliError("refused", `${why} (remotegpu env access ${environment.id} --renew)`);
    unreachable += service.state === "held" ? 1 : 0;
    if (unreachable >= UNREACHABLE_LOOKS) throw new CliError("refused", why);
    return { waitsFor: why, stands: why };
  };
  return await waitUntil(look, { seconds, goesOn: `remotegpu env access ${id}` });
}

/** Of all that run and can be entered now. */
export async function sshWays(context: Pick<Context, "api">): Promise<SshWay[]> {
  const running = await context.api.list("/environments", { status: "running" });
  const ways: SshWay[] = [];
  for (const row of running) {
    const { id, name } = Environment.parse(row);
    const access = Access.parse(await context.api.get(`/environments/${segment(id)}/access`));
    const service = access.services.find((one) => one.service === "ssh");
    if (service?.reachable !== true || service.host === null || service.port === null) continue;
    const hostKey = HOST_KEY.exec(service.known_hosts?.trim() ?? "")?.[1] ?? null;
    ways.push({ id, name, host: checkedHost(service.host), port: service.port, hostKey });
  }
  return ways;
}

async function sshService({ api }: Pick<Context, "api">, id: string): Promise<z.infer<typeof Service>> {
  const { services } = Access.parse(await api.get(`/environments/${segment(id)}/access`));
  const found = services.find(({ service }) => service === "ssh");
  if (found === undefined)
    throw new CliError("refused", `SSH is switched off. Switch it on: remotegpu env update ${id} --ssh on`);
  return found;
}

function checkedHost(host: string): string {
  if (!HOST.test(host)) throw new CliError("unavailable", "The server named a host that is none.");
  return host;
}
