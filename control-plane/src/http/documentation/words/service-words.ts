/** Words of inference services: their orders, replicas, scaling and revisions. */
import type { Words } from "./word.ts";

export const SERVICE_WORDS: Words = {
  "InferenceService.id": ["Its id", "svc-8e04b6aa"],
  "InferenceServiceDeletion.id": ["The service", "svc-8e04b6aa"],
  "InferenceServiceDeletion.status": ["It goes on by itself"],
  "InferenceService.host_id": ["The host of the first replica", "host-91d3e7b4"],
  "InferenceService.revision": ["The number of its newest revision; null: it is of the old system", 1],
  model_id: ["The model that it serves", 7],
  model_version: ["Which version of the model", "1"],
  version: ["The version that serves, as its people call it", "v2"],
  previous_version: ["The version before", "v1"],
  endpoint_url: [
    "Where requests go, for life; null while no gateway runs",
    "https://example.com/services/svc-8e04b6aa/",
  ],
  replicas: ["As many as are wanted; 0 when it was stopped", 2],
  ready_replicas: ["As many answer", 2],
  waiting_replicas: ["As many wait for a place, free of charge", 0],
  min_replicas: ["Fewer are never wanted; 0 lets it go to none", 1],
  max_replicas: ["More are never wanted", 10],
  autoscaling_enabled: ["Whether the number is left to the load; nothing scales by itself yet"],
  autoscaling_config: ["What load it aims at", { target_qps: 100 }],
  health_check_path: [
    "Where a replica is asked whether it is well; null: it is ready when its port accepts a connection",
    "/health",
  ],
  health_check_interval: ["How often, in seconds, once it has been ready", 30],
  "AutoscalingConfig.target_cpu": ["Percent of a replica's cores", 80],
  "AutoscalingConfig.target_qps": ["Requests a second of each replica", 100],
  "AutoscalingConfig.target_in_flight": ["Requests at once of each replica", 16],
  "AutoscalingConfig.scale_down_delay": ["So many seconds the load must be lower", 300],
  "AutoscalingConfig.scale_to_zero_after": [
    "So many seconds without a request, where min_replicas is 0",
    900,
  ],
  "AutoscalingConfig.paused": ["The number is left to people", true],
  "NewInferenceService.version": ["What its people call this version", "v1"],
  "NewInferenceService.model_id": ["The model that each replica finds in /gemini/pretrain1, read-only", 7],
  "NewInferenceServiceConfig.spec": ["What it is sold as; `default`, if left out", "standard"],
  "NewInferenceServiceConfig.gpu_sharing": ["shared: a slice of one GPU, of the size gpu_memory"],
  "NewInferenceServiceConfig.gpu_model": ["Only this model of GPU", "NVIDIA A100-SXM4-80GB"],
  "NewInferenceServiceConfig.max_price_per_hour": ["What an hour of one replica may cost at most", "25.0000"],
  "NewInferenceServiceConfig.host_labels": ["Labels that each host must carry", { zone: "a" }],
  "NewInferenceServiceConfig.command": ["Runs in place of the image's own", "python3 serve.py"],
  "NewInferenceServiceConfig.port": [
    "Where each replica listens, also given to it as PORT; 8000, if left out",
    8080,
  ],
  "NewInferenceServiceConfig.stop_grace_seconds": ["From the word to end to the kill; 30, if left out", 60],
  "NewInferenceServiceConfig.public": ["Whoever knows its address may ask it, without a key", true],
  "NewInferenceServiceConfig.cors_origins": [
    'Pages of these origins may ask it from a browser; "*" is all of them',
    ["https://app.example.com"],
  ],
  "NewInferenceServiceConfig.max_in_flight": [
    "Requests that one replica is given at once, by each gateway; without a bound, if left out",
    32,
  ],
  "NewInferenceServiceConfig.max_queued": [
    "Requests that wait for a replica at each gateway; 100, if left out",
    100,
  ],
  "NewInferenceServiceConfig.queue_seconds": ["How long one waits for a replica; 30, if left out", 30],
  "NewInferenceServiceConfig.drain_seconds": [
    "How long a replica that goes has to end what it was given; 600, if left out",
    300,
  ],
  "NewInferenceServiceConfig.timeout_seconds": [
    "How long until the first byte of an answer; 600, if left out",
    600,
  ],
  "InferenceServiceChange.config": [
    "How it shows itself at gateways; null in it: as by default",
    { max_in_flight: 32 },
  ],
  "InferenceServiceChangeConfig.public": ["Whoever knows its address may ask it, without a key", true],
  "InferenceServiceChangeConfig.cors_origins": [
    'Pages of these origins may ask it from a browser; "*" is all of them',
    ["https://app.example.com"],
  ],
  "InferenceServiceChangeConfig.max_in_flight": [
    "Requests that one replica is given at once, by each gateway; without a bound, if left out",
    32,
  ],
  "InferenceServiceChangeConfig.max_queued": [
    "Requests that wait for a replica at each gateway; 100, if left out",
    100,
  ],
  "InferenceServiceChangeConfig.queue_seconds": ["How long one waits for a replica; 30, if left out", 30],
  "InferenceServiceChangeConfig.drain_seconds": [
    "How long a replica that goes has to end what it was given; 600, if left out",
    300,
  ],
  "InferenceServiceChangeConfig.timeout_seconds": [
    "How long until the first byte of an answer; 600, if left out",
    600,
  ],
  "InferenceServiceScale.replicas": ["As many replicas", 3],
  "ServiceRevision.number": ["Which revision, from 1", 1],
  "ServiceRevision.command": [
    "What runs in place of the image's own; null: the image's own",
    "python3 serve.py",
  ],
  "Instance.revision": ["Of a replica: of which revision of its service; null: it is none", 1],
  "Instance.serving": [
    "Whether it answers its check: not-yet, yes or no; null: its host does not tell",
    "yes",
  ],
  "Instance.draining_since": [
    "Since when it gets no request any more and only ends those that it has; null: it does not",
  ],
  "Instance.dismissed_at": ["Since when its service does without it; null: it is wanted"],
  "Instance.dismissal": ["Why its service does without it", "Scaled down to 1."],
};
