/** `remotegpu open`, `share`, `shares` and `unshare`: ways into an environment with a browser. */
import type { NewWebLink } from "../../../client/generated/api.schemas.ts";
import {
  createEnvironmentLink,
  createEnvironmentShare,
  endEnvironmentShare,
  listEnvironmentShares,
} from "../../../client/generated/api.ts";
import { z } from "zod";
import { wholeNumber, words } from "../../framework/arguments.ts";
import { openedHere } from "../../programs/browser.ts";
import {
  argument,
  command,
  flag,
  option,
  optionalArgument,
  optionOr,
  type Command,
} from "../../framework/command.ts";
import { listCommand } from "../../framework/list-command.ts";
import { printDone } from "../../framework/output.ts";
import { anEnvironment } from "./environment-state.ts";
import { openRdp } from "./rdp-opening.ts";

type Service = NonNullable<NewWebLink["service"]>;
const SERVICES: readonly Service[] = ["jupyter", "tensorboard", "terminal"];

/** It is no page: a client's file and a password lead there. */
const RDP = "rdp" as const;
const DEFAULT_HOURS = "24";

/** A service by its name, or a port by its number. */
function target() {
  return z.string().transform((text, context) => targetIn(text, context, SERVICES));
}

/** The same, or RDP. */
function openTarget() {
  return z.string().transform((text, context) => targetIn(text, context, [...SERVICES, RDP]));
}

function targetIn<Name extends string>(
  text: string,
  context: z.RefinementCtx,
  services: readonly Name[],
): { service: Name } | { port: number } {
  const service = services.find((name) => name === text);
  if (service !== undefined) return { service };
  if (/^\d{1,5}$/.test(text)) return { port: Number(text) };
  context.addIssue({ code: "custom", message: `Name ${services.join(", ")}, or a port such as 8000.` });
  return z.NEVER;
}

/** Null for RDP, which no browser opens. */
function webTarget(target: { service: Service | typeof RDP } | { port: number }): NewWebLink | null {
  if ("port" in target) return target;
  return target.service === RDP ? null : { service: target.service };
}

const OPEN = command({
  name: "open",
  summary:
    "a link that lets one browser in to a service or port of an environment, once, within a minute; of rdp a file for its client",
  takes: {
    ...anEnvironment(),
    target: optionalArgument("jupyter|tensorboard|terminal|rdp|port", openTarget()),
    browser: flag("--browser", "open it here, where there is a screen"),
    file: option("--file <path>", "of rdp: where its .rdp file is written; else it is printed", words()),
    through: option(
      "--through <port>",
      "of rdp: by a port of this machine that port-forward opened",
      wholeNumber(),
    ),
    "through-gateway": flag(
      "--through-gateway",
      "of rdp: through the gateway, though its own port may be reachable",
    ),
  },
  examples: ["open lab", "open lab terminal --browser", "open lab 8000", "open lab rdp --file lab.rdp"],
  more: "Programs need no link: they send their API key to the link's origin, as Authorization: Bearer or X-API-Key.\nrdp: each call makes another password, which is shown this once; the one before opens nothing any more. Where its port leads nowhere from here, a port of this machine leads there through the gateway until Ctrl-C.",
  run: async (context, { environment, target: requested, browser, file, through, ...how }) => {
    const what = webTarget(requested ?? { service: "jupyter" });
    if (what === null)
      return await openRdp(context, {
        environment,
        file,
        through,
        isThroughGateway: how["through-gateway"],
      });
    const { api, output } = context;
    const link = await api.send(createEnvironmentLink(environment, what));
    const { url } = link;
    const isOpened = browser && (await openedHere(url));
    const sentence = isOpened || !browser ? url : `${url}\nThere is no screen here to open it on.`;
    printDone(output, sentence, { ...link, opened: isOpened });
  },
});

const SHARE = command({
  name: "share",
  summary: "a link to a port or service of an environment for people without an account",
  takes: {
    ...anEnvironment(),
    target: argument("port|service", target()),
    hours: optionOr("--hours <hours>", "how long it opens, 720 at most", wholeNumber(), DEFAULT_HOURS),
  },
  examples: ["share lab 8000 --hours 24", "share lab tensorboard"],
  more: "Whoever has the link comes in, until it ends; it is shown this once. A terminal is shared with nobody.",
  run: async ({ api, output }, { environment, target: requested, hours }) => {
    const share = await api.send(createEnvironmentShare(environment, { ...requested, hours }));
    printDone(output, `${share.url}\nShare ${share.id} opens it until ${share.expires_at}.`, share);
  },
});

const SHARES = listCommand({
  name: "shares",
  summary: "links of an environment that are or were shared, with their last use",
  takes: anEnvironment(),
  request: ({ environment }) => listEnvironmentShares(environment),
  columns: [
    "id",
    ["what", (row) => row.service ?? row.port],
    ["by", (row) => row.made_by],
    "made_at",
    "expires_at",
    "last_used_at",
    { ifRoom: "ended_at" },
  ],
  empty: "Nothing of it was shared. Share a port: remotegpu share ENVIRONMENT PORT",
});

const UNSHARE = command({
  name: "unshare",
  summary: "end a shared link before its time, with all that is open by it",
  takes: { ...anEnvironment(), share: argument("share", words()) },
  run: async ({ api, output }, { environment, share }) => {
    await api.send(endEnvironmentShare(environment, share));
    printDone(output, `Share ${share} opens nothing any more.`, { id: share });
  },
});

export const WEB_COMMANDS: readonly Command[] = [OPEN, SHARE, SHARES, UNSHARE];
