/** A files process on a pool of its own, as the product runs it, asked on its socket as the control plane asks it. */
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesSocket } from "@remotegpu/agent/config/config";
import type { HostRefusal } from "@remotegpu/shared/messages/file-refusal";
import type { HostListing } from "@remotegpu/shared/messages/files";
import { eventually } from "../eventually.ts";
import { FILES, Program } from "../programs/program.ts";

/** Of the pool, as an environment's. */
export const FOLDER = "environments/env-1/code";

export interface FileOptions {
  method?: string;
  folder?: string;
  /** Bytes, or text. */
  path?: string | Uint8Array;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export interface FileAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

export class FilesUnderTest {
  /** The state folder. */
  readonly state: string;
  readonly pool: string;
  readonly program: Program;

  private constructor(state: string, pool: string, script: string) {
    this.state = state;
    this.pool = pool;
    this.program = new Program(
      script,
      { REMOTEGPU_STATE_DIR: state, REMOTEGPU_POOL_FOLDER: pool, REMOTEGPU_EXIT_WITH_STDIN: "1" },
      join(state, "files.log"),
    );
  }

  /**
   * @param state an agent's state folder; without one, a folder of its own
   * @param script another one than this checkout's
   */
  static async begin({
    state,
    script = FILES,
  }: { state?: string; script?: string } = {}): Promise<FilesUnderTest> {
    const folder = state ?? (await mkdtemp(join(tmpdir(), "rg-files-")));
    const root = join(folder, "pool");
    mkdirSync(join(root, FOLDER), { recursive: true });
    const files = new FilesUnderTest(folder, root, script);
    await files.start();
    return files;
  }

  async start(): Promise<void> {
    this.program.start();
    await eventually(() => this.request({}).catch(() => undefined), {
      what: `the files process, which said: ${this.program.output()}`,
    });
  }

  /** The path on this machine of one in the folder. */
  at(path: string, folder = FOLDER): string {
    return join(this.pool, folder, path);
  }

  send({ method = "GET", folder = FOLDER, path = "", query = {}, headers = {} }: FileOptions): ClientRequest {
    const requested = new URLSearchParams({ folder: encoded(folder), path: encoded(path), ...query });
    return request({
      socketPath: filesSocket(this.state),
      agent: false,
      method,
      path: `/entry?${requested.toString()}`,
      headers,
    });
  }

  async request(options: FileOptions): Promise<FileAnswer> {
    const sent = this.send(options);
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.on("response", resolve).on("error", reject);
    });
    sent.end(options.body);
    const response = await answered;
    const parts: Buffer[] = [];
    for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) };
  }

  async list(path: string | Uint8Array = "", query: Record<string, string> = {}): Promise<HostListing> {
    return JSON.parse((await this.request({ path, query })).body.toString());
  }

  async refusal(options: FileOptions): Promise<{ status: number } & HostRefusal> {
    const { status, body } = await this.request(options);
    return { status, ...JSON.parse(body.toString()) };
  }

  async end(): Promise<void> {
    await this.program.stop();
    await rm(this.state, { recursive: true, force: true });
  }
}

export function encoded(bytes: string | Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

export function nameOf({ name }: HostListing["files"][number]): string {
  return Buffer.from(name, "base64url").toString("latin1");
}
