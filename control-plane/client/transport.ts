/**
 * How requests of the generated functions reach a server and come back: JSON in and out, an idempotency key on every POST
 * so that a retry cannot order twice, lists page after page. It knows neither fetch nor Node's HTTP: whoever makes one
 * gives the exchange of one message, and what a refusal is in its program.
 */
import { addressOf, pageOf, type ApiRequest, type Method, type Page } from "./api-request.ts";

/** One HTTP request as it is sent. */
export interface Message {
  method: Method;
  /** Path and query, from the server's root. */
  address: string;
  headers: Readonly<Record<string, string>>;
  body: string | undefined;
  signal: AbortSignal | undefined;
}

/** One HTTP response, read to its end. */
export interface Reply {
  status: number;
  contentType: string;
  text: string;
}

export interface TransportOptions {
  /** Sends one message. @throws what its program throws for a server that cannot be reached */
  exchange: (message: Message) => Promise<Reply>;
  /** What is thrown for a reply with a status of 400 or more. */
  refusal: (reply: Reply) => Error;
  /** What is thrown for a reply that should be JSON and is not. */
  notJson?: (reply: Reply, cause: unknown) => Error;
  newIdempotencyKey?: () => string;
}

export interface SendOptions {
  /** Closes the request before its answer, which ends what the server does for it alone. */
  signal?: AbortSignal | undefined;
  /** Sent twice with the same one, a POST is done once; null: the POST has none. */
  idempotencyKey?: string | null | undefined;
}

const REFUSED_FROM = 400;
const LARGEST_PAGE = 200;
const MAX_PAGES = 1_000;
const MAX_ITEMS = 10_000;

export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** The answer of a request; undefined where the server answers without a body. */
  async send<Answer>(request: ApiRequest<Answer>, options: SendOptions = {}): Promise<Answer> {
    const reply = await this.#exchanged(request, options, "application/json");
    // The generated type is the document's, which the server's tests hold its answers to.
    return this.#jsonOf(reply) as Answer;
  }

  /** An answer that is read as it came, such as CSV. */
  async text(
    request: ApiRequest<unknown>,
    { accept, ...options }: SendOptions & { accept: string },
  ): Promise<string> {
    return (await this.#exchanged(request, options, accept)).text;
  }

  /** Every item of a list, page after page, up to `limit`. */
  async list<Item>(request: ApiRequest<Page<Item>>, limit = MAX_ITEMS): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    for (let count = 0; count < MAX_PAGES; count += 1) {
      const size = Math.min(LARGEST_PAGE, limit - items.length);
      const page = checked(await this.send(pageOf(request, { cursor, limit: size })));
      items.push(...page.items);
      if (page.next_cursor === null || items.length >= limit) break;
      cursor = page.next_cursor;
    }
    return items;
  }

  async #exchanged(
    request: ApiRequest<unknown>,
    { signal, idempotencyKey }: SendOptions,
    accept: string,
  ): Promise<Reply> {
    const { newIdempotencyKey = () => crypto.randomUUID() } = this.#options;
    const { method, body } = request;
    const key =
      method === "POST" && idempotencyKey !== null ? (idempotencyKey ?? newIdempotencyKey()) : undefined;
    const reply = await this.#options.exchange({
      method,
      address: addressOf(request),
      headers: {
        accept,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(key !== undefined && { "idempotency-key": key }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
    if (reply.status >= REFUSED_FROM) throw this.#options.refusal(reply);
    return reply;
  }

  #jsonOf(reply: Reply): unknown {
    const { notJson = (_reply, cause) => new Error("the answer is not JSON", { cause }) } = this.#options;
    if (reply.text === "") return undefined;
    try {
      return JSON.parse(reply.text);
    } catch (cause) {
      throw notJson(reply, cause);
    }
  }
}

/** A server of another version may answer anything; what is no page would be read as an empty or an endless list. */
function checked<Item>(page: Page<Item>): Page<Item> {
  const { items, next_cursor: next }: { items?: unknown; next_cursor?: unknown } = page;
  if (Array.isArray(items) && (next === null || typeof next === "string")) return page;
  throw new TypeError("The server's answer is no page of a list.");
}
