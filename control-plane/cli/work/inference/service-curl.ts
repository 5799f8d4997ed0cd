/**
 * `remotegpu service curl`: curl in our place, with the address of a service and the key of this profile. The key is handed
 * over in a file of one's own, which goes afterwards: on a command line everybody on this machine could read it.
 */
import { getInferenceService } from "../../../client/generated/api.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { words } from "../../framework/arguments.ts";
import { argument, command, rest, resourceField } from "../../framework/command.ts";
import { CliError } from "../../framework/cli-error.ts";
import { runInPlace } from "../../programs/client-program.ts";

export const SERVICE_CURL = command({
  name: "curl",
  summary: "send a request to a service by curl, with your own key",
  takes: {
    service: resourceField("service", "service"),
    path: argument("path", words()),
    options: rest("curl options"),
  },
  examples: [
    "service curl chat /v1/models",
    `service curl chat /v1/chat/completions -- --no-buffer --json '{"stream": true}'`,
  ],
  more: "What stands behind -- is curl's own; its exit code is this command's.",
  run: async ({ api, output }, { service, path, options: given }) => {
    const { endpoint_url: endpoint } = await api.send(getInferenceService(service));
    if (typeof endpoint !== "string")
      throw new CliError(
        "unavailable",
        "No gateway of this server has run yet, so the service has no address.",
      );
    const own = given[0] === "--" ? given.slice(1) : given;
    // Put together as text: whatever the path is, nobody but the gateway gets the key.
    const url = new URL(`${endpoint.replace(/\/$/, "")}/${path.replace(/^\/+/, "")}`);
    const options = `${api.curlOptions(url).join("\n")}\n`;
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-curl-"));
    try {
      const config = join(folder, "config");
      writeFileSync(config, options, { mode: 0o600 });
      // Into a pipe it would print whole buffers only, where a terminal has each piece as it comes.
      const always = ["--silent", "--show-error", "--no-buffer", "--config", config];
      const how = { filters: true, isRaw: output.isRaw === true };
      await runInPlace("curl", [...always, ...own, url.href], how);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});
