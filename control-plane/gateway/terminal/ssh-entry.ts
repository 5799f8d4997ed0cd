/**
 * A way into an environment by SSH over a tunnel, for the terminal: the gateway signs with the key of that placement and
 * knows the server by its host key. The library is loaded with the first terminal.
 */
import { sign, type KeyObject } from "node:crypto";
import type { Duplex } from "node:stream";
import type { Client, ClientChannel, ExecOptions } from "ssh2";
import { boundedBody } from "@remotegpu/shared/bounded-body";
import { SSH_PORT } from "@remotegpu/shared/instance/ssh-access";
import type { HostKeys } from "../../server/core/environments/host-keys.ts";
import type { TerminalPlace } from "../../server/core/environments/terminal-keys.ts";
import type { TerminalSize } from "../../server/core/gateway/terminal/terminal-protocol.ts";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import { type GivenReason, reasonOf } from "../../server/core/reasons/plain-reason.ts";
import type { PlainCode, Reason } from "../../server/core/reasons/reason.ts";
import { type Destination, type Tunnels } from "../tunnel/tunnel.ts";

const READY_WITHIN_MS = 20_000;
const KEEPALIVE_MS = 15_000;
const KEEPALIVES_UNANSWERED = 3;
const MAX_OUTPUT = 64 * 1024;
const OUTPUT_WITHIN_MS = 10_000;

/** The message is the text of `why`. */
export class EntryError extends Error {
  override readonly name = "EntryError";
  readonly why: Reason;

  constructor(given: GivenReason, options?: ErrorOptions) {
    const why = reasonOf(given);
    super(inEnglish(why), options);
    this.why = why;
  }
}

export interface EntryDeps {
  tunnels: Tunnels;
  hostKeys: Pick<HostKeys, "publicOf">;
  signerOf: (place: TerminalPlace) => { privateKey: KeyObject; publicLine: string };
}

export interface Inside {
  /** What a command without a terminal says, as far as it matters. */
  request(command: string): Promise<string>;
  /** A command at a terminal. */
  terminal(command: string, size: TerminalSize): Promise<ClientChannel>;
  /** Calls back once, with the reason, however it ends. */
  onEnd(ended: (why: Reason) => void): void;
  close(): void;
}

/** @throws EntryError, TunnelError */
export async function enter(
  { tunnels, hostKeys, signerOf }: EntryDeps,
  { environmentId, placementEpoch, ...to }: TerminalPlace & Omit<Destination, "port">,
): Promise<Inside> {
  const { default: ssh2 } = await import("ssh2");
  const stream = await tunnels.open({ ...to, port: SSH_PORT });
  const { privateKey, publicLine } = signerOf({ environmentId, placementEpoch });
  const known = bodyOf(hostKeys.publicOf(environmentId).line);
  const client = new ssh2.Client();
  let isOther = false;
  const ready = new Promise<void>((resolve, reject) => {
    client.once("ready", resolve);
    client.once("error", (cause) => reject(new EntryError(codeOf(cause, isOther), { cause })));
    client.once("close", () => reject(new EntryError("terminal-connection-closed")));
  });
  client.connect({
    sock: stream,
    username: "root",
    readyTimeout: READY_WITHIN_MS,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVES_UNANSWERED,
    algorithms: {
      serverHostKey: ["ssh-ed25519"],
      cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"],
    },
    hostVerifier: (key: Buffer) => {
      isOther = !key.equals(known);
      return !isOther;
    },
    agent: agentOf(ssh2, { privateKey, publicLine }),
  });
  try {
    await ready;
  } catch (error) {
    client.on("error", () => undefined);
    client.destroy();
    stream.destroy();
    throw error;
  }
  return insideOf(client, stream);
}

function insideOf(client: Client, stream: Duplex): Inside {
  let why: PlainCode = "terminal-connection-lost";
  client.on("error", (error) => (why = codeOf(error, false)));
  const run = (command: string, options: ExecOptions) =>
    new Promise<ClientChannel>((resolve, reject) => {
      client.exec(command, options, (cause, channel) => {
        if (cause === undefined) resolve(channel);
        else reject(new EntryError("terminal-not-started", { cause }));
      });
    });
  return {
    async request(command) {
      const channel = await run(command, {});
      const bound = { maxBytes: MAX_OUTPUT, signal: AbortSignal.timeout(OUTPUT_WITHIN_MS) };
      try {
        return Buffer.from(await boundedBody(channel, bound)).toString();
      } catch {
        // Whoever is root in there may let it print without end, or nothing: a terminal opens without it.
        channel.close();
        return "";
      }
    },
    terminal: async (command, { columns: cols, rows }) =>
      await run(command, {
        pty: { term: "xterm-256color", cols, rows, width: 0, height: 0, modes: {} },
        env: { COLORTERM: "truecolor" },
      }),
    onEnd: (ended) => void client.once("close", () => ended(reasonOf(why))),
    close() {
      client.end();
      stream.destroy();
    },
  };
}

/** The library reads no such key from a file, and so is given what signs with it. */
function agentOf(
  ssh2: typeof import("ssh2"),
  { privateKey, publicLine }: { privateKey: KeyObject; publicLine: string },
): InstanceType<typeof ssh2.BaseAgent> {
  class OwnKey extends ssh2.BaseAgent {
    override getIdentities(reported: (error: Error | undefined, keys?: string[]) => void): void {
      reported(undefined, [publicLine]);
    }
    override sign(
      _key: unknown,
      data: Buffer,
      options: unknown,
      reported?: (error: Error | undefined, signature?: Buffer) => void,
    ): void {
      const done = typeof options === "function" ? (options as typeof reported) : reported;
      done?.(undefined, sign(null, data, privateKey));
    }
  }
  return new OwnKey();
}

function bodyOf(line: string): Buffer {
  return Buffer.from(line.split(" ")[1] ?? "", "base64");
}

function codeOf(error: Error & { level?: string }, isOther: boolean): PlainCode {
  if (isOther) return "terminal-host-key-other";
  if (error.level === "client-authentication") return "terminal-not-admitted";
  if (error.level === "client-timeout") return "terminal-unanswered";
  return "terminal-connection-lost";
}
