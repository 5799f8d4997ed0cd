/** The only rank of a training job as the control plane orders it, with everything that a test does not care about filled in. */
import { type RankCode, rankSpec } from "@remotegpu/control-plane/server/core/instances/desired-set";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { MIB } from "@remotegpu/shared/values/units";
import { desiredOf } from "./desired-instance.ts";

export function jobRank(
  id: string,
  order: { image: string; command: string; attempt?: number; code?: RankCode },
): DesiredInstance {
  const { image, command, attempt = 1, code = null } = order;
  const spec = rankSpec(
    {
      id,
      network: "ws-1",
      image,
      cpuMilli: 1_000,
      memoryBytes: 64 * MIB,
      envVars: {},
      datasets: [],
      models: [],
      rank: 0,
      command,
      attempt,
      outputPath: "/gemini/output/",
      gang: null,
      distributedEnv: {},
      launch: null,
      code,
    },
    [],
  );
  return desiredOf(`${id}-${attempt}`, spec);
}
