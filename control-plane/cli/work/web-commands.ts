/** `remotegpu open`, `share`, `shares` and `unshare`: ways into an environment with a browser. */
import { z } from "zod";
import { wholeNumber, words } from "../framework/arguments.ts";
import { openedHere } from "../framework/browser.ts";
import {
  argument,
  command,
  flag,
  option,
  optionalArgument,
  optionOr,
  type Command,
} from "../framework/command.ts";
import { listCommand, segment } from "../framework/list-command.ts";
import { printDone } from "../framework/output.ts";
import { anEnvironment } from "./environment-state.ts";
import { openRdp } from "./rdp-opening.ts";

const SERVICES = ["jupyter", "tensorboard", "terminal"];
/** It is no page: a client's file and a password lead there. */
const RDP = "rdp";
const DEFAULT_HOURS = "24";

/** A service by its name, or a port by its number. */
function target(services: readonly string[] = SERVICES) {
  return z.string().transform((text, context): { service: string } | { port: number } => {
    if (services.includes(text)) return { service: text };
    if (/^\d{1,5}$/.test(text)) return { port: Number(text) };
    context.addIssue({ code: "custom", message: `Name ${services.join(", ")}, or a port such as 8000.` });
    return z.NEVER;
  });
}

const OPEN = command({
  name: "open",
  summary:
    "a link that lets one browser in to a service or port of an environment, once, within a minute; of rdp a file for its client",
  takes: {
    ...anEnvironment(),
    target: optionalArgument("jupyter|tensorboard|terminal|rdp|port", target([...SERVICES, RDP])),
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
    const what = requested ?? { service: "jupyter" };
    if ("service" in what && what.service === RDP)
      return await openRdp(context, {
        environment,
        file,
        through,
        isThroughGateway: how["through-gateway"],
      });
    const { api, output } = context;
    const link = await api.post(`/environments/${segment(environment)}/links`, what);
    const url = String(link.url);
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
    const share = await api.post(`/environments/${segment(environment)}/shares`, { ...requested, hours });
    printDone(
      output,
      `${String(share.url)}\nShare ${String(share.id)} opens it until ${String(share.expires_at)}.`,
      share,
    );
  },
});

const SHARES = listCommand({
  name: "shares",
  summary: "links of an environment that are or were shared, with their last use",
  takes: anEnvironment(),
  route: ({ environment }) => `/environments/${segment(environment)}/shares`,
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
    await api.delete(`/environments/${segment(environment)}/shares/${segment(share)}`);
    printDone(output, `Share ${share} opens nothing any more.`, { id: share });
  },
});

export const WEB_COMMANDS: readonly Command[] = [OPEN, SHARE, SHARES, UNSHARE];
