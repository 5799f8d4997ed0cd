/** `remotegpu service …`: inference services. */
import { given } from "../../../client/api-request.ts";
import {
  deleteInferenceService,
  endInferenceServiceUrgency,
  execInInferenceService,
  getInferenceService,
  getInferenceServiceLogs,
  getInferenceServiceWhy,
  listInferenceServiceEvents,
  listInferenceServiceInstances,
  listInferenceServices,
  makeInferenceServiceUrgent,
  orderInferenceService,
  pauseInferenceService,
  resumeInferenceService,
  scaleInferenceService,
  startInferenceService,
  stopInferenceService,
} from "../../../client/generated/api.ts";
import type {
  InferenceService,
  ListInferenceServicesStatus,
  NewInferenceServiceConfig,
} from "../../../client/generated/api.schemas.ts";
import { wholeNumber, words } from "../../framework/arguments.ts";
import { argument, command, flag, needed, option, repeated, resourceField } from "../../framework/command.ts";
import { printDone } from "../../framework/output.ts";
import { z } from "zod";
import { printWithoutInstances } from "../training/job-commands.ts";
import { orderOptions, withSettings } from "../order-options.ts";
import { SERVICE_AUTOSCALE } from "./service-autoscale.ts";
import { SERVICE_CURL } from "./service-curl.ts";
import { SERVICE_DEPLOY } from "./service-deploy.ts";
import { SERVICE_KEYS } from "./service-keys.ts";
import { SERVICE_METRICS } from "./service-metrics.ts";
import { serviceSentence } from "./service-sentence.ts";
import { SERVICE_STATUS } from "./service-status.ts";
import { SERVICE_TRAFFIC } from "./service-traffic.ts";
import { SERVICE_UPDATE } from "./service-update.ts";
import { HISTORY, ROLLBACK, UPGRADE } from "./service-versions.ts";
import { CPU_AND_MEMORY, OWNER, workloadGroup } from "../workload-group.ts";

function serviceOptions() {
  const { datasets: _datasets, models: _models, ...options } = orderOptions<NewInferenceServiceConfig>();
  return {
    ...options,
    version: needed("--version <version>", "what you call this version of it", words()),
    model_id: option("--model <model>", "mounted read-only at /gemini/pretrain1", wholeNumber(), {
      of: "model",
    }),
    command: option("--command <text>", "run by a shell, in place of what the image runs", words()),
    port: option("--port <port>", "where each replica listens; 8000 by default", wholeNumber()),
    min_replicas: option("--min <number>", "replicas at least; 1 by default", wholeNumber()),
    max_replicas: option("--max <number>", "replicas at most; 10 by default", wholeNumber()),
    health_check_path: option(
      "--health <path>",
      "a replica serves while this path answers; else while its port accepts connections",
      words(),
    ),
    public: flag("--public", "whoever knows its address may ask it, without a key"),
    cors_origins: repeated(
      "--cors-origin <origin>",
      "pages of this origin may ask it from a browser; repeat",
      z.array(z.string()),
    ),
    max_in_flight: option(
      "--max-in-flight <number>",
      "requests that a replica is given at once",
      wholeNumber(),
    ),
  };
}

const CREATE = command({
  name: "create",
  summary: "order an inference service: programs that answer at an address, as many as it needs",
  takes: serviceOptions(),
  examples: [
    "service create chat --image vllm/vllm-openai:v0.8.5 --version 1 --gpu 1 --memory 32G --health /health",
    "service create hello --image busybox --version 1 --public --command 'mkdir /www; echo hello > /www/index.html; httpd -f -p 8000 -h /www'",
  ],
  more: "Its address is told by `remotegpu service show`; ask it with `remotegpu service curl NAME /`. Each replica costs from when its container runs, but for the time that its payer may load free in an hour.",
  run: async ({ api, output }, { config, public: isPublic, ...options }) => {
    const { host_labels, max_price_per_hour, spec, gpu_model, ...others } = options;
    const { command: text, port, cors_origins, max_in_flight, ...plain } = others;
    const settings = { host_labels, max_price_per_hour, spec, gpu_model, command: text, port };
    const visible = { cors_origins, max_in_flight, ...(isPublic && { public: true as const }) };
    const order = { ...given(plain), ...withSettings(config, { ...settings, ...visible }) };
    const created = await api.send(orderInferenceService(order));
    printDone(output, serviceSentence(created), created);
  },
});

const SCALE = command({
  name: "scale",
  summary: "have it run with so many replicas, between its bounds",
  takes: { service: resourceField("service", "service"), replicas: argument("replicas", wholeNumber()) },
  examples: ["service scale chat 3"],
  run: async ({ api, output }, { service, replicas }) => {
    const row = await api.send(scaleInferenceService(service, { replicas }));
    printDone(output, serviceSentence(row), row);
  },
});

export const SERVICE = workloadGroup<InferenceService, ListInferenceServicesStatus>({
  name: "service",
  summary: "inference services",
  kind: "service",
  requests: {
    list: listInferenceServices,
    get: getInferenceService,
    delete: deleteInferenceService,
    exec: execInInferenceService,
    logs: getInferenceServiceLogs,
    events: listInferenceServiceEvents,
    instances: listInferenceServiceInstances,
    why: getInferenceServiceWhy,
    makeUrgent: makeInferenceServiceUrgent,
    endUrgency: endInferenceServiceUrgency,
  },
  hasRanks: true,
  list: {
    summary: "every service you may see",
    columns: [
      "id",
      "name",
      "status",
      OWNER,
      { wide: "image" },
      { wide: "version" },
      "replicas",
      { ifRoom: ["serving", (row) => row.ready_replicas] },
      ...CPU_AND_MEMORY,
      "gpu",
      ["waits for / says", (row) => row.status_reason],
    ],
    empty: "No inference services. Order one: remotegpu service create NAME --image IMAGE --version VERSION",
  },
  show: { summary: "one service, whole", print: printWithoutInstances },
  verbs: [
    {
      name: "start",
      request: startInferenceService,
      summary: "start it again, with as many replicas as before",
    },
    { name: "stop", request: stopInferenceService, summary: "stop all its replicas" },
    {
      name: "pause",
      request: pauseInferenceService,
      summary: "leave the number of its replicas to people, where it scales by itself",
    },
    { name: "resume", request: resumeInferenceService, summary: "let it scale by itself again" },
  ],
  sentence: serviceSentence,
  create: CREATE,
  update: SERVICE_UPDATE,
  more: [
    SERVICE_DEPLOY,
    SERVICE_STATUS,
    SCALE,
    SERVICE_AUTOSCALE,
    UPGRADE,
    ROLLBACK,
    HISTORY,
    SERVICE_CURL,
    SERVICE_TRAFFIC,
    SERVICE_METRICS,
    ...SERVICE_KEYS,
  ],
  deletion: (id) => `Inference service ${id} is being deleted.`,
});
