/** `join`: makes this host a member of the fleet by a token that is good once. */
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import type { MachineReport } from "@remotegpu/shared/messages/host-report";
import { JOIN_TOKEN_MINUTES } from "@remotegpu/shared/messages/joining";
import { credentialFile, keyFile, type Config } from "../config/config.ts";
import { readMachineFacts } from "../host/machine-facts.ts";
import { saveCredential } from "../link/credential.ts";
import { joinControlPlane } from "../link/join.ts";
import { openHostKey } from "../link/nkey.ts";
import { NO_LIVE_RESTORE } from "../loop/watch/runtime-watch.ts";
import { AGENT_VERSION } from "../process/version.ts";
import { Docker } from "../runtime/docker/docker.ts";
import { RuntimeDown, RuntimeError } from "../runtime/docker/runtime-error.ts";
import { runtimeInfo } from "../runtime/docker/runtime-info.ts";
import { CommandRefusedError } from "./command-refused.ts";

type Voice = { print: (text: string) => void; warn: (text: string) => void };

/** @throws CommandRefusedError, ApiUnreachableError, MachineFactsError */
export async function join(config: Config, { print, warn }: Voice): Promise<void> {
  if (config.server === null)
    throw new CommandRefusedError("Say where the control plane is: REMOTEGPU_SERVER.");
  if (config.joinToken === null)
    throw new CommandRefusedError("A token is needed to join: REMOTEGPU_JOIN_TOKEN.");
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  const key = openHostKey(keyFile(config.stateDir));
  const facts = await readMachineFacts({ diskPath: config.stateDir });
  const runtime = await runtimeAtJoin(config, warn);
  const result = await joinControlPlane(
    {
      apiUrl: config.server,
      token: config.joinToken,
      name: config.hostName ?? hostname(),
      caSha256: config.caSha256,
      machine: {
        ...facts,
        agentVersion: AGENT_VERSION,
        runtime,
        attachMode: null,
        storagePool: config.storagePool ?? "",
      },
    },
    key,
  );
  if (!result.joined)
    throw new CommandRefusedError(
      `${result.reason} (tokens are good once, for ${JOIN_TOKEN_MINUTES} minutes)`,
    );
  saveCredential(credentialFile(config.stateDir), {
    apiUrl: config.server,
    grant: result.grant,
    receivedAtMs: Date.now(),
  });
  print(`This host has joined as ${result.grant.host_id}.`);
}

/** What a fault would cost is said before anybody's work is on this host; none of it keeps the host from joining. */
async function runtimeAtJoin(
  { runtimeSocket }: Config,
  warn: Voice["warn"],
): Promise<MachineReport["runtime"]> {
  try {
    const { name, version, liveRestore } = await runtimeInfo(new Docker(runtimeSocket ?? undefined));
    if (!liveRestore) warn(NO_LIVE_RESTORE);
    return { name, version, liveRestore };
  } catch (error) {
    if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
    warn(`nothing can run here yet: ${error.message}`);
    return null;
  }
}
