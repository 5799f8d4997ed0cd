/**
 * Plays the pages on the system that `npm start` has brought up: the README's tour and then the operators' pages, and
 * meanwhile the customers' pages as the customer of `npm start`.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { Profile } from "@remotegpu/control-plane/cli/framework/profile";
import { COMPILED } from "../suite/compiled.ts";
import {
  AS_CUSTOMER,
  AS_CUSTOMER_TOGETHER,
  AS_OWNER,
  CLEAN,
  LOGIN,
  NUMBERS_VARY,
  START,
  TOUR,
  whyNot,
} from "./classes.ts";
import { commandsIn, textOf, type DocumentedCommand } from "./page.ts";
import { matchesPage } from "./shape.ts";
import { untrueOf } from "./documented-session.ts";

const BIN = new URL("../../../node_modules/.bin", import.meta.url).pathname;
/** What `npx --no-install` finds in a clone, without the second that npm needs for it each time. */
const NPX = `#!/bin/sh
[ "$1" = --no-install ] || exit 64
name=$2
shift 2
exec ${BIN}/$name "$@"
`;

/** Who plays a page: what is typed into its commands, and what stands for the page's own names. */
type Player = { input?: string; profile?: string; places?: Record<string, string> };

/** @param system.folder of the test's own, for what the commands keep and read */
type StartedSystem = { state: string; url: string; hostId: string; folder: string };

/** @returns a sentence for each command that is not as its page says, and for each file that the tour leaves behind */
export async function untrueAfterStart(system: StartedSystem): Promise<string[]> {
  const { state, url, hostId, folder } = system;
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  // As in a clone, where people type them.
  writeFileSync(join(folder, TOUR), textOf(TOUR));
  const env = {
    HOME: home,
    PATH: `${npxIn(folder)}:${BIN}:${process.env["PATH"] ?? ""}`,
    ...COMPILED,
  };
  const adminProfile = join(state, "admin-profile.json");
  const play = async (page: string, { input, profile, places = {} }: Player) => {
    const untrue = await untrueOf(toPlay(page), {
      env: { ...env, ...(profile !== undefined && { REMOTEGPU_PROFILE: profile }) },
      folder,
      places: new Map(Object.entries({ ...placesOf({ state, url, home }), ...places })),
      numbersVary: NUMBERS_VARY,
      ...(input !== undefined && { input }),
    });
    return untrue.map((sentence) => `${page}: ${sentence}`);
  };
  const playInOrder = async (pages: readonly string[], player: Player) => {
    const untrue: string[] = [];
    for (const page of pages) untrue.push(...(await play(page, player)));
    return untrue;
  };

  const asOwner = { profile: adminProfile, places: { HOST: hostId } };
  const profile = join(state, "profile.json");
  const asCustomer = async () => {
    const input = `${keyIn(profile)}\n`;
    const untrue = await play(LOGIN, { input, places: { "https://gpus.example.com": url } });
    untrue.push(...(await playInOrder(AS_CUSTOMER, {})));
    const more = AS_CUSTOMER_TOGETHER.map(async (pages) => await playInOrder(pages, { profile }));
    return [...untrue, ...(await Promise.all(more)).flat()];
  };
  const [owner, customer] = await Promise.all([
    play(TOUR, {}).then(async (tour) => [...tour, ...(await playInOrder(AS_OWNER, asOwner))]),
    asCustomer(),
  ]);
  if (existsSync(join(home, ".config/remotegpu/profiles"))) owner.push("The tour leaves a profile behind.");
  return [...owner, ...customer];
}

/** What the README shows of `npm start` is what it said, but for the folder and port of the test's own. */
export function untrueOfStart(
  command: typeof START | typeof CLEAN,
  output: string,
  system: { state: string; url: string },
): string[] {
  const reported = commandsIn(textOf(TOUR)).find((one) => one.command === command);
  // npm says first what it runs.
  const own = output.split("\n").filter((line) => !line.startsWith("> "));
  const profile = ` --profile ${join(system.state, "profile.json")}`;
  const text = own
    .join("\n")
    .trimStart()
    .replaceAll(profile, "")
    .replaceAll(system.state, "/var/lib/remotegpu/start")
    .replaceAll(system.url, "http://127.0.0.1:8080")
    // The dashboard has a name of its own, since cookies know no ports.
    .replaceAll(system.url.replace("127.0.0.1", "localhost"), "http://localhost:8080");
  if (
    reported !== undefined &&
    matchesPage(reported.prints, { text, numbersVary: NUMBERS_VARY.includes(command) })
  )
    return [];
  return [`${TOUR}: ${command} printed, other than the page says: ${text}`];
}

function toPlay(page: string): DocumentedCommand[] {
  return commandsIn(textOf(page)).filter(
    ({ command }) => command !== START && command !== CLEAN && whyNot(command) === undefined,
  );
}

function placesOf({
  state,
  url,
  home,
}: {
  state: string;
  url: string;
  home: string;
}): Record<string, string> {
  return {
    "/var/lib/remotegpu/start": state,
    "http://127.0.0.1:8080": url,
    "/root/.config": join(home, ".config"),
  };
}

function npxIn(folder: string): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "npx"), NPX);
  chmodSync(join(bin, "npx"), 0o755);
  return bin;
}

function keyIn(profile: string): string {
  return Profile.parse(JSON.parse(readFileSync(profile, "utf8"))).key;
}

/** As a person types it who copies it from the screen. */
export async function typed(line: string, home: string) {
  return await execa("sh", ["-c", line], {
    cwd: new URL("../../..", import.meta.url).pathname,
    env: { HOME: home, PATH: process.env["PATH"] ?? "", ...COMPILED },
    extendEnv: false,
    reject: false,
    timeout: 60_000,
  });
}
