/** An agent's parts that bring images and make room for them. */
import { diskRoom } from "../host/disk-room.ts";
import { registryAddresses } from "../host/registry-addresses.ts";
import { ImageCleaner } from "../loop/images/image-cleaner.ts";
import { ImagePulls } from "../loop/images/image-pulls.ts";
import type { AgentSetting } from "./agent-setting.ts";
import type { HostParts } from "./host-parts.ts";
import type { LinkParts } from "./link-parts.ts";

export function imageParts(
  { config, clock, journal, log }: AgentSetting,
  { host, linked, wake }: { host: HostParts; linked: LinkParts; wake: () => void },
): { imagePulls: ImagePulls; imageCleaner: ImageCleaner } {
  const { runtime, runtimeWatch } = host;
  const { client, link } = linked;
  const { images } = runtime;
  const pulled = journal.pulledImages;
  const source = {
    images,
    client,
    refreshOrders: () => link.nudged(),
    addressesOf: registryAddresses,
  };
  const imagePulls = new ImagePulls({ source, pulled, clock, wake, log });
  const imageCleaner = new ImageCleaner({
    images,
    pulled,
    wanted: () => imagePulls.names,
    room: async () => (runtimeWatch.info === null ? null : diskRoom(runtimeWatch.info.dataFolder)),
    bounds: config.imageBounds,
    wallMs: clock.wallMs,
    log,
  });
  return { imagePulls, imageCleaner };
}
