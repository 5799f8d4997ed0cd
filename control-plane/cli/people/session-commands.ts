/** Who the command speaks as: `login` keeps a server and a key, `logout` forgets them, `whoami` tells whose key it is. */
import { deleteApiKey, getMe } from "../../client/generated/api.ts";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { words } from "../framework/arguments.ts";
import { ApiClient } from "../framework/api-client.ts";
import { CliError } from "../framework/cli-error.ts";
import { command, flag, option, type Command } from "../framework/command.ts";
import { printDone, printOne } from "../framework/output.ts";
import { promptForSecret } from "../framework/secret-input.ts";
import { keyByDevice, offersSignOn } from "./device-login.ts";
import {
  forgetProfile,
  loadProfile,
  Profile,
  profilePath,
  saveProfile,
  shadowSentence,
} from "../framework/profile.ts";

export const SESSION: Command[] = [
  command({
    name: "login",
    summary: "keep a server and a key for the commands after this one, in a profile (see --profile)",
    takes: {
      ca: option("--ca <file>", "PEM of the CA that the server's certificate comes from", words()),
      sso: flag("--sso", "by single sign-on, also where no terminal is"),
      ask_key: flag("--ask-key", "ask for an API key, though the server offers single sign-on"),
    },
    examples: [
      "login --server https://gpus.example.com",
      "login --server https://gpus.example.com --profile work",
      "login --server https://gpus.example.com --ask-key",
    ],
    more: "Where the server offers single sign-on, it prints an address and a code to confirm there in a browser. The key that it gets then ends after twelve hours; `logout` revokes it. Else, and from a pipe, it takes an API key.",
    run: async ({ output, where }, given) => {
      const server = where.server ?? process.env["REMOTEGPU_SERVER"];
      if (server === undefined)
        throw new CliError("usage", "Name the server: remotegpu login --server https://…");
      const ca = given.ca ?? process.env["REMOTEGPU_CA"];
      const key = where.key ?? (await askedKey({ server, ...(ca && { ca: resolve(ca) }) }, given));
      const parsed = Profile.safeParse({ server, key, ...(ca && { ca: resolve(ca) }) });
      if (!parsed.success)
        throw new CliError("usage", `${server} is not an http or https address, or that is not an API key.`);
      const me = await new ApiClient(parsed.data).send(getMe()).catch(explained);
      const file = profilePath(where.profile);
      saveProfile(file, parsed.data);
      const stored = `The key is kept in ${file}.${shadowSentence(file)}`;
      printDone(output, `Logged in as ${me.username}. ${stored}`, {
        username: me.username,
        server,
        file,
      });
    },
  }),
  command({
    name: "logout",
    summary:
      "forget the profile, and revoke its key where single sign-on made it; another goes on until it is revoked",
    run: async ({ output, where }) => {
      const file = profilePath(where.profile);
      const isRevoked = existsSync(file) && (await revokeOwn(file));
      const isGone = forgetProfile(file);
      const sentence = isRevoked
        ? `${file} is gone, and its key was revoked.`
        : isGone
          ? `${file} is gone. The key goes on opening until it is revoked.`
          : `There is no profile ${file}.`;
      printDone(output, sentence, { file, removed: isGone, revoked: isRevoked });
    },
  }),
  command({
    name: "whoami",
    aliases: ["me"],
    summary: "who this key belongs to, and by which profile it speaks to which server",
    isWatchable: true,
    run: async ({ api, output, where }) => {
      const { server, file, keyFrom } = loadProfile(where);
      printOne(output, { ...(await api.send(getMe())), server, profile: file, key_from: keyFrom });
    },
  }),
];

/** Nobody has it yet: the requests that lead to one send it, and no server takes it for any. */
const NO_KEY = "none";

async function askedKey(
  server: { server: string; ca?: string },
  { sso, ask_key: asksKey }: { sso: boolean; ask_key: boolean },
): Promise<string> {
  const isOffered = sso || (process.stdin.isTTY && !asksKey);
  const profile = isOffered ? Profile.safeParse({ ...server, key: NO_KEY }) : null;
  if (profile?.success === true) {
    const api = new ApiClient(profile.data);
    if (sso || (await offersSignOn(api))) return await keyByDevice(api);
  }
  return (await promptForSecret("API key: ")).trim();
}

/** Whether the profile's key was one that a login made, which is of no use any more, and could be revoked. */
async function revokeOwn(file: string): Promise<boolean> {
  try {
    const api = new ApiClient(loadProfile({ profile: file }));
    const { identity_id: identity, api_key_id: key } = await api.send(getMe());
    if (identity === null) return false;
    await api.send(deleteApiKey(key));
    return true;
  } catch (error) {
    // Without its server, too, whoever logs out has no key here any more: it ends by itself.
    if (error instanceof CliError) return false;
    throw error;
  }
}

/** The server's own sentence about a header says nothing to who has typed a key. */
function explained(error: unknown): never {
  if (error instanceof CliError && error.isUnauthenticated)
    throw new CliError(
      "refused",
      "The server does not know that key, or it was revoked or has expired. Nothing was kept.",
      {
        cause: error,
      },
    );
  throw error;
}
