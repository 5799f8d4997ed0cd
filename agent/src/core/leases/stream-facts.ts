/** Adds to what is told of each run that drains what gateways have open to it, where that is known. Pure. */
import type { InstanceId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { isSameRun } from "../container/container.ts";

export function withOpenStreams(
  instances: readonly ObservedInstance[],
  {
    desired,
    streams,
  }: { desired: readonly DesiredInstance[]; streams: readonly { instanceId: InstanceId; open: number }[] },
): ObservedInstance[] {
  return instances.map((instance) => {
    const order = desired.find((one) => isSameRun(one, instance));
    const known = streams.find(({ instanceId }) => instanceId === instance.instanceId);
    return order?.live.draining === true && known !== undefined
      ? { ...instance, openStreams: known.open }
      : instance;
  });
}
