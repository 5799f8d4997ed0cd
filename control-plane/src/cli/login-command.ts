/** `remotegpu login`: keeps a server and a key for the commands after it. The key comes on standard input. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { ApiClient } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import { askForSecret } from "./secret-input.ts";
import { Profile, saveProfile, userProfilePath } from "./profile.ts";

export function addLoginCommand(program: Command): void {
  program
    .command("login")
    .description(
      "keep a server and a key for the commands after this one, in the profile file (see --profile)",
    )
    .option("--ca <file>", "PEM of the CA that the server's certificate comes from")
    .action(async function login(this: Command) {
      const given = this.optsWithGlobals<{ server?: string; key?: string; ca?: string; profile?: string }>();
      const server = given.server ?? process.env.REMOTEGPU_SERVER;
      if (server === undefined)
        throw new CliError("usage", "Name the server: remotegpu login --server https://…");
      const key = given.key ?? (await askForSecret("API key: ")).trim();
      const ca = given.ca ?? process.env.REMOTEGPU_CA;
      const parsed = Profile.safeParse({ server, key, ...(ca && { ca: resolve(ca) }) });
      if (!parsed.success)
        throw new CliError("usage", `${server} is not an http or https address, or that is not an API key.`);
      const me = await new ApiClient(parsed.data).get("/me").catch(explained);
      const file = given.profile ?? process.env.REMOTEGPU_PROFILE ?? userProfilePath();
      saveProfile(file, parsed.data);
      process.stdout.write(`Logged in as ${String(me.username)}. The key is kept in ${file}.\n`);
    });
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
