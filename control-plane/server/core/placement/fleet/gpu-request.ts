/** What an order asks of GPUs, as a part of the reasons that say so. */
import type { Reason } from "../../reasons/reason.ts";
import type { GpuRequest } from "./fits-on.ts";

export function wantedGpus(wanted: GpuRequest): Reason {
  switch (wanted.kind) {
    case "none":
      return { code: "no-gpu", params: {} };
    case "whole":
      return wholeGpus(wanted);
    case "slice":
      return {
        code: "gpu-slice",
        params: {
          size: sliceSize(wanted),
          model: wanted.models === null ? { code: "one-gpu", params: {} } : modelsAmong(wanted.models),
        },
      };
  }
}

function wholeGpus({ count, leastMemoryMib, models }: Extract<GpuRequest, { kind: "whole" }>): Reason {
  const model: Reason = models === null ? { code: "any-gpu", params: {} } : modelsAmong(models);
  return leastMemoryMib > 0
    ? { code: "whole-gpus-with-memory", params: { count, model, least_mib: leastMemoryMib } }
    : { code: "whole-gpus", params: { count, model } };
}

function sliceSize({ memoryMib, shareThousandths }: Extract<GpuRequest, { kind: "slice" }>): Reason {
  if (memoryMib === 0) return { code: "slice-share", params: { thousandths: shareThousandths } };
  return shareThousandths === 0
    ? { code: "slice-memory", params: { memory_mib: memoryMib } }
    : {
        code: "slice-memory-and-share",
        params: { memory_mib: memoryMib, thousandths: shareThousandths },
      };
}

/** None, where only models with a price may be used and none has one. */
function modelsAmong(models: readonly string[]): Reason {
  return models.length === 0
    ? { code: "priced-gpu", params: {} }
    : { code: "gpu-models", params: { models } };
}
