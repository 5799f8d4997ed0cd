/**
 * One pull, asked of the runtime by hand: the client library sends a body that the runtime never reads, which keeps it
 * from noticing that its client has gone, and the library takes an error in the midst of the answer for success.
 */
import { request, type IncomingMessage } from "node:http";
import { DEFAULT_REGISTRY } from "@remotegpu/shared/values/image-name";
import { z } from "zod";
import { pullReference } from "../../core/images/image-reference.ts";
import type { PullEvent } from "../../core/images/pull-progress.ts";
import { RuntimeDown } from "../docker/runtime-error.ts";

export type RegistryLogin = { username: string; password: string };

export type ImagePull = {
  image: string;
  /** Of the image's registry; it goes to the runtime and nowhere else. */
  registry: string;
  login: RegistryLogin | null;
  onProgress: (event: PullEvent) => void;
  /** Ends the request. The runtime then gives the pull up, at the latest when its registry says something. */
  signal: AbortSignal;
};

/** The runtime answered that the image does not come. What it said may hold a registry's own words. */
export class PullError extends Error {
  override name = "PullError";
  readonly status: number | null;

  constructor(text: string, status: number | null) {
    super(text);
    this.status = status;
  }
}

const MAX_MESSAGE_LENGTH = 2_000;
/** Of a line, and of a refusal: the runtime passes on what registries say, however long they go on. */
const MAX_TEXT = 64 * 1_024;

const Line = z.object({
  id: z.string().optional(),
  status: z.string().default(""),
  progressDetail: z.object({ current: z.number().optional(), total: z.number().optional() }).optional(),
  error: z.string().optional(),
});
const Refusal = z.object({ message: z.string() });

/** @throws PullError, RuntimeDown; whatever `signal` was aborted with */
export async function pullImage(socketPath: string, pull: ImagePull): Promise<void> {
  try {
    const answer = await begun(socketPath, pull);
    if (answer.statusCode !== 200)
      throw refusalOf(await beginningOf(answer), answer.statusCode ?? null, pull.login);
    for await (const line of linesOf(answer)) {
      const parsed = Line.safeParse(jsonOf(line));
      if (!parsed.success) continue;
      const { id, status, progressDetail, error } = parsed.data;
      if (error !== undefined) throw new PullError(sayable(error, pull.login), null);
      const { current = null, total = null } = progressDetail ?? {};
      pull.onProgress({ id, status, current, total });
    }
    if (!answer.complete) throw new RuntimeDown(`the pull of ${pull.image} broke off`);
  } catch (cause) {
    if (pull.signal.aborted) throw pull.signal.reason;
    if (cause instanceof PullError || cause instanceof RuntimeDown) throw cause;
    throw new RuntimeDown(`cannot pull ${pull.image}: the container runtime does not answer`, { cause });
  }
}

/** @throws PullError beyond the bound of a line; whoever leaves early ends the answer */
async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  answer.setEncoding("utf8");
  for await (const piece of answer as AsyncIterable<string>) {
    const [first = "", ...others] = piece.split(/\r?\n/);
    const lines = [rest + first, ...others];
    rest = lines.pop() ?? "";
    yield* lines;
    if (rest.length > MAX_TEXT) throw new PullError("the answer of the pull has a line without end", null);
  }
  if (rest !== "") yield rest;
}

/** As much as is shown; the rest is not waited for. */
async function beginningOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  answer.setEncoding("utf8");
  for await (const piece of answer as AsyncIterable<string>) {
    text += piece;
    if (text.length > MAX_TEXT) break;
  }
  return text;
}

async function begun(
  socketPath: string,
  { image, registry, login, signal }: ImagePull,
): Promise<IncomingMessage> {
  const { name, tag } = pullReference(image);
  const query = new URLSearchParams({ fromImage: name, tag });
  return new Promise((resolve, reject) => {
    const requested = request(
      {
        socketPath,
        signal,
        agent: false,
        method: "POST",
        path: `/images/create?${query.toString()}`,
        headers: {
          "content-length": 0,
          ...(login !== null && {
            "x-registry-auth": encoded({ ...login, serveraddress: addressOf(registry) }),
          }),
        },
      },
      resolve,
    );
    requested.once("error", reject);
    requested.end();
  });
}

/** The runtime knows the default registry's logins under an older name. */
function addressOf(registry: string): string {
  return registry === DEFAULT_REGISTRY ? `https://index.${DEFAULT_REGISTRY}/v1/` : registry;
}

/** In the URL's alphabet, and padded: without that the runtime takes it for no login at all. */
function encoded(auth: RegistryLogin & { serveraddress: string }): string {
  return Buffer.from(JSON.stringify(auth)).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

function refusalOf(body: string, status: number | null, login: RegistryLogin | null): PullError {
  const parsed = Refusal.safeParse(jsonOf(body));
  return new PullError(sayable(parsed.success ? parsed.data.message : body, login), status);
}

/** A registry may say again what it was told. Taken out before the text is cut: half a secret is known by no form. */
function sayable(text: string, login: RegistryLogin | null): string {
  const forms = login === null ? [] : formsOf(login);
  return forms.reduce((left, form) => left.replaceAll(form, "…"), text).slice(0, MAX_MESSAGE_LENGTH);
}

/** As it is, as a URL or JSON has it, and as it goes to the registry; the longest first, as it may hold another. */
function formsOf({ username, password }: RegistryLogin): string[] {
  const pair = Buffer.from(`${username}:${password}`);
  const inUrl = encodeURIComponent(password);
  const inJson = JSON.stringify(password).slice(1, -1);
  const forms = [
    password,
    inUrl,
    inUrl.replaceAll(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase()),
    new URLSearchParams([["", password]]).toString().slice(1),
    inJson,
    inJson.replaceAll(/[<>&]/g, escaped),
    inJson.replaceAll(/[<>&]|[^ -~]/g, escaped),
    pair.toString("base64"),
    pair.toString("base64url"),
  ];
  return [...new Set(forms)].filter((form) => form !== "").toSorted((a, b) => b.length - a.length);
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Undefined where the text is no JSON. */
function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
