/** Words of inference services: their orders, replicas, scaling and revisions. */
import type { Descriptions } from "./description.ts";

export const SERVICE_DESCRIPTIONS: Descriptions = {
  "InferenceServiceDeletion.id": ["The service", "svc-8e04b6aa"],
  "InferenceService.rollout": ["The version that a pending upgrade leads to; null: none is pending"],
  "InferenceServiceUpgrade.config": [
    "Parts of its config that change; null takes one out",
    { command: "python3 serve.py" },
  ],
  allow_gap: ["One replica less for a while, where there is no room for one more", true],
  model_id: ["The model that it serves", 7],
  model_version: ["Which version of the model", "1"],
  version: ["The version that serves, as its people call it", "v2"],
  min_replicas: ["Fewer are never wanted; 0 lets it go to none", 1],
  max_replicas: ["More are never wanted", 10],
  autoscaling_enabled: ["Whether the number is left to the load, between the bounds"],
  autoscaling_dry_run: ["It only recommends, and leaves the number to people"],
  autoscaling: ["What its load was last found to call for; null where autoscaling is off"],
  autoscaling_config: ["What load it aims at", { target_qps: 100 }],
  health_check_path: [
    "The path of the health check; null: a replica is ready when its port accepts a connection",
    "/health",
  ],
  health_check_interval: ["How often, in seconds, once it has been ready", 30],
  "InferenceServiceChange.config": [
    "How it shows itself at gateways; null in it: as by default",
    { max_in_flight: 32 },
  ],
};
