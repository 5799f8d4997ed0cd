/** Who the command speaks as: `login` keeps a server and a key, `logout` forgets them, `whoami` tells whose key it is. */
import { getMe } from "../../client/generated/api.ts";
import { resolve } from "node:path";
import { words } from "../framework/arguments.ts";
import { ApiClient } from "../framework/api-client.ts";
import { CliError } from "../framework/cli-error.ts";
import { command, option, type Command } from "../framework/command.ts";
import { printDone, printOne } from "../framework/output.ts";
import { promptForSecret } from "../framework/secret-input.ts";
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
    takes: { ca: option("--ca <file>", "PEM of the CA that the server's certificate comes from", words()) },
    examples: [
      "login --server https://gpus.example.com",
      "login --server https://gpus.example.com --profile work",
    ],
    run: async ({ output, where }, given) => {
      const server = where.server ?? process.env["REMOTEGPU_SERVER"];
      if (server === undefined)
        throw new CliError("usage", "Name the server: remotegpu login --server https://…");
      const key = where.key ?? (await promptForSecret("API key: ")).trim();
      const ca = given.ca ?? process.env["REMOTEGPU_CA"];
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
    summary: "forget the profile; the key itself goes on opening until it is revoked",
    run: ({ output, where }) => {
      const file = profilePath(where.profile);
      const isGone = forgetProfile(file);
      const sentence = isGone
        ? `${file} is gone. The key goes on opening until it is revoked.`
        : `There is no profile ${file}.`;
      return Promise.resolve(printDone(output, sentence, { file, removed: isGone }));
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
