/** An agent of its own process in a linked host's network, on that host's runtime, beside nothing else of that host. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { credentialFile, keyFile } from "@remotegpu/agent/config/config";
import { saveCredential } from "@remotegpu/agent/link/credential";
import { newHostId } from "../../containers/docker.ts";
import { AGENT, IN_NAMESPACE, Program } from "../../programs/program.ts";
import type { LinkedHost } from "./linked-hosts.ts";
import { EmptyAccess } from "../../agent/empty-access.ts";
import type { ScriptedControlPlane, ScriptedHost } from "../../agent/scripted-control-plane.ts";

/** Nobody is there to renew a credential. */
const NOWHERE = "http://127.0.0.1:9";

export class LinkedAgent {
  readonly host: ScriptedHost;
  readonly program: Program;
  readonly #at: LinkedHost;
  readonly #folder: string;
  readonly #access: EmptyAccess;

  private constructor(parts: {
    host: ScriptedHost;
    program: Program;
    at: LinkedHost;
    folder: string;
    access: EmptyAccess;
  }) {
    this.host = parts.host;
    this.program = parts.program;
    this.#at = parts.at;
    this.#folder = parts.folder;
    this.#access = parts.access;
  }

  static async begin(controlPlane: ScriptedControlPlane, at: LinkedHost): Promise<LinkedAgent> {
    const { host, credential } = await controlPlane.admit(newHostId());
    const folder = await mkdtemp(join(tmpdir(), "rg-linked-"));
    await writeFile(keyFile(folder), credential.key.seed, { mode: 0o600 });
    const { grant } = credential;
    saveCredential(credentialFile(folder), { apiUrl: NOWHERE, grant, receivedAtMs: Date.now() });
    const settings = {
      TEST_NETWORK: at.runtime.namespace,
      TEST_PROGRAM: AGENT,
      REMOTEGPU_STATE_DIR: folder,
      REMOTEGPU_RUNTIME_SOCKET: at.runtime.socketPath,
      REMOTEGPU_NVIDIA_SMI: "/nonexistent/nvidia-smi",
      REMOTEGPU_RAISE_LIMITS: "0",
      REMOTEGPU_CLEAN_ON_EXIT: "1",
    };
    const program = new Program(IN_NAMESPACE, settings, join(folder, "log"));
    const access = await EmptyAccess.open(folder);
    program.start();
    return new LinkedAgent({ host, program, at, folder, access });
  }

  /** What a command in the host's network prints. */
  async outputOf(...command: [string, ...string[]]): Promise<string> {
    const args = [`--net=/run/netns/${this.#at.runtime.namespace}`, ...command];
    return (await execa("nsenter", args)).stdout;
  }

  async end(): Promise<void> {
    await this.program.stop();
    await this.#access.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
