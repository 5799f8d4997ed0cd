/** A client of the command whose server is a few functions of a test. */
import { ApiClient } from "@remotegpu/control-plane/cli/framework/api-client";
import { addressOf, API_ROOT, type ApiRequest, type Page } from "@remotegpu/control-plane/client/api-request";
import type { SendOptions } from "@remotegpu/control-plane/client/transport";

type Query = Record<string, unknown>;
type Stream = Parameters<ApiClient["stream"]>[1];

/** What answers which requests; any other fails the test. */
export interface Handlers {
  get?: (path: string, query: Query) => unknown;
  // A test names the members of the body that it reads.
  post?: (path: string, body: never, signal?: AbortSignal) => unknown;
  put?: (path: string, body: never) => unknown;
  patch?: (path: string, body: never) => unknown;
  delete?: (path: string, query: Query) => unknown;
  list?: (path: string, query: Query, limit?: number) => unknown;
  stream?: (path: string, query: Query, options: Stream) => Promise<void>;
}

export function commandApi(handlers: Handlers): ApiClient {
  return new HandledApi(handlers);
}

class HandledApi extends ApiClient {
  readonly #handlers: Handlers;

  constructor(handlers: Handlers) {
    super({ server: "http://127.0.0.1:1", key: "k" });
    this.#handlers = handlers;
  }

  override async send<Answer>(request: ApiRequest<Answer>, { signal }: SendOptions = {}): Promise<Answer> {
    const { method, path, query = {}, body } = request;
    const { get, post, put, patch, delete: remove } = this.#handlers;
    // What a request with a body asks in its query stands in its path.
    const address = addressOf(request).slice(API_ROOT.length);
    const answer = {
      GET: () => handled(get, request)(path, { ...query }),
      POST: () => handled(post, request)(address, body as never, signal ?? undefined),
      PUT: () => handled(put, request)(address, body as never),
      PATCH: () => handled(patch, request)(address, body as never),
      DELETE: () => handled(remove, request)(path, { ...query }),
    }[method]();
    return (await answer) as Answer;
  }

  override async list<Item>(request: ApiRequest<Page<Item>>, limit?: number): Promise<Item[]> {
    const { list } = this.#handlers;
    if (list === undefined) return await super.list(request, limit);
    return (await list(request.path, { ...request.query }, limit)) as Item[];
  }

  override async stream(request: ApiRequest<unknown>, options: Stream): Promise<void> {
    await handled(this.#handlers.stream, request)(request.path, { ...request.query }, options);
  }
}

function handled<Handler>(handler: Handler | undefined, { method, path }: ApiRequest<unknown>): Handler {
  if (handler === undefined) throw new Error(`the test has no answer to ${method} ${path}`);
  return handler;
}
