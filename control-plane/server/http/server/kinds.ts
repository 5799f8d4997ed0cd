/** The kinds of workload that the API serves, each a row of its own folder; nothing else over HTTP asks for the kind. */
import { ENVIRONMENTS } from "../environments/environment-kind.ts";
import { INFERENCE_SERVICES } from "../inference/inference-kind.ts";
import { TRAINING_JOBS } from "../training/training-kind.ts";
import type { RoutedKind } from "../workloads/routed-kind.ts";

export const KINDS: readonly RoutedKind[] = [ENVIRONMENTS, TRAINING_JOBS, INFERENCE_SERVICES];
