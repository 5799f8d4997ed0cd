/** The question of what an order of an environment would cost. Pure. */
import { given } from "@remotegpu/control-plane/client/api-request";
import type { EstimateWish, NewEnvironment } from "@remotegpu/control-plane/client/generated/api.schemas";

/** Null while there is too little to price. */
export function estimateOf(order: Partial<NewEnvironment>): EstimateWish | null {
  const { cpu = 0, memory = 0, gpu, gpu_memory, temp_storage, config = {} } = order;
  if (cpu < 1 || memory < 1) return null;
  const { spec, gpu_model, gpu_sharing } = config;
  return given({ cpu, memory, gpu, gpu_memory, temp_storage, spec, gpu_model, gpu_sharing });
}
