/** `remotegpu dashboard`: a link that logs one browser in, so that no key is typed or copied there. */
import { createSessionTicket } from "../../client/generated/api.ts";
import { openedHere } from "../programs/browser.ts";
import { command, flag, type Command } from "../framework/command.ts";
import { printDone } from "../framework/output.ts";

export const DASHBOARD: Command = command({
  name: "dashboard",
  summary: "a link that logs one browser in to the dashboard, once, within a minute",
  takes: { open: flag("--open", "open it here, where there is a screen") },
  examples: ["dashboard", "dashboard --open"],
  more: "The browser sees what this key opens, for twelve hours at most, and no longer than the key lives.",
  run: async ({ api, output }, { open }) => {
    const ticket = await api.send(createSessionTicket({}));
    const { url } = ticket;
    const isOpened = open && (await openedHere(url));
    const sentence = isOpened || !open ? url : `${url}\nThere is no screen here to open it on.`;
    printDone(output, sentence, { url, expires_at: ticket.expires_at, opened: isOpened });
  },
});
