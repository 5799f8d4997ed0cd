/** Load on an inference service whose replicas run SERVES, by clients in a process of their own. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { eventually } from "../eventually.ts";

/**
 * That it has not taken yet: busybox's nc keeps as many as it has letters, and the system resets some of those that come
 * beyond, as no server does whose list has the usual length.
 */
const CONNECTIONS_POOLED = 64;

/**
 * The command of a replica: small answers on connections that are kept, a body of one line said back, and /stream/N, which
 * says something each second for N seconds and whose end is seen to be one.
 */
export const SERVES = `cat > /tmp/serve.sh <<'EOF'
end=$(printf '\\r')
while read -r method path rest; do
  length=0
  while read -r line && [ "$line" != "$end" ] && [ -n "$line" ]; do
    case $line in [Cc]ontent-[Ll]ength:*) length=\${line#*: } length=\${length%$end} ;; esac
  done
  case $method$path in
    POST*)
      read -r -n "$length" body
      printf 'HTTP/1.1 200 OK\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "$length" "$body" ;;
    GET/stream/*)
      printf 'HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n'
      n=\${path#/stream/}
      while [ "$n" -gt 0 ]; do printf '8\\r\\ndata: x\\n\\r\\n'; sleep 1; n=$((n - 1)); done
      printf '0\\r\\n\\r\\n' ;;
    GET*) printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nok\\n' ;;
    *) body="odd [$method] [$path] [$length]"; printf 'HTTP/1.1 200 OK\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "\${#body}" "$body" ;;
  esac
done
EOF
exec nc -${"l".repeat(CONNECTIONS_POOLED)} -p $PORT -e sh /tmp/serve.sh`;

/** Why a request failed that was neither answered nor broken off. */
export const NO_ANSWER = "no answer in time";

export interface LoadOptions {
  /** Of the gateways, each of which is asked in its turn; where one does not listen, the next. */
  ports: readonly number[];
  /** As their own origin names them. */
  host: string;
  /** Of the service: "/services/svc-1". */
  prefix: string;
  key: string;
  perSecond: number;
  streams: number;
  streamSeconds: number;
}

export interface LoadFailure {
  kind: "short" | "stream";
  port: number;
  /** As it was asked. */
  at: string;
  seenAt: string;
  why: string;
}

export interface LoadReport {
  /** Answered whole. */
  short: number;
  /** Of those, by the gateway's port. */
  byPort: Record<number, number>;
  streams: number;
  openStreams: number;
  /** Asked once more, since the kept connection had ended. */
  again: number;
  failed: number;
  /** The first of them. */
  failures: LoadFailure[];
}

const PROCESS = join(import.meta.dirname, "load-process.ts");
const WITHIN_MS = 60_000;

export class ServiceLoad implements AsyncDisposable {
  readonly #child: ChildProcess;
  #reported: LoadReport = {
    short: 0,
    byPort: {},
    streams: 0,
    openStreams: 0,
    again: 0,
    failed: 0,
    failures: [],
  };
  readonly #over = Promise.withResolvers<LoadReport>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", ({ kind, reported }: { kind: "told" | "over"; reported: LoadReport }) => {
      this.#reported = reported;
      if (kind === "over") this.#over.resolve(reported);
    });
    child.once("exit", () => this.#over.reject(new Error("the clients ended by themselves")));
    this.#over.promise.catch(() => undefined);
  }

  /** All its streams are open. */
  static async begin(options: LoadOptions): Promise<ServiceLoad> {
    const child = fork(PROCESS, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const load = new ServiceLoad(child);
    child.send({ kind: "begin", request: options });
    await eventually(() => load.reported.openStreams === options.streams && load.reported.short > 0, {
      withinMs: WITHIN_MS,
      what: "streams that are open",
    });
    return load;
  }

  get reported(): LoadReport {
    return this.#reported;
  }

  /** So many more short requests were answered. */
  async answers(more: number): Promise<void> {
    await this.#grows(more, ({ short }) => short);
  }

  /** So many more were answered by the gateway at this port. */
  async answersAt(port: number, more: number): Promise<void> {
    await this.#grows(more, ({ byPort }) => byPort[port] ?? 0);
  }

  async #grows(more: number, of: (reported: LoadReport) => number): Promise<void> {
    const before = of(this.#reported);
    await eventually(() => of(this.#reported) >= before + more, {
      withinMs: WITHIN_MS,
      what: `${more} more answers`,
    });
  }

  /** Begins nothing more, and resolves when all is answered. */
  async stop(): Promise<LoadReport> {
    this.#child.send({ kind: "stop" });
    return await this.#over.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}
