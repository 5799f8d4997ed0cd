/** Adds to what is told of each run which image its container was made of, and what that image brings. */
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { isSameRun, type OwnedContainer } from "./container.ts";

export function withImageFacts(
  instances: readonly ObservedInstance[],
  containers: readonly OwnedContainer[],
  /** By image id; what was not looked at is missing. */
  brought: ReadonlyMap<string, readonly string[]>,
): ObservedInstance[] {
  return instances.map((instance) => {
    const container = containers.find(({ owner }) => isSameRun(owner, instance));
    if (container?.imageId === undefined) return instance;
    const brings = brought.get(container.imageId);
    return {
      ...instance,
      imageId: container.imageId,
      ...(brings !== undefined && { brings: [...brings] }),
    };
  });
}
