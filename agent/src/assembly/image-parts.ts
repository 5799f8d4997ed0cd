/** An agent's parts that bring images and make room for them. */
import { diskRoom } from "../host/disk-room.ts";
import { registryAddresses } from "../host/registry-addresses.ts";
import { requestRegistry } from "../host/registry-requests.ts";
import { ImageCleaner } from "../loop/images/image-cleaner.ts";
import { ImagePulls } from "../loop/images/image-pulls.ts";
import { ImageRoom } from "../loop/images/image-room.ts";
import { ImagesOfBefore } from "../loop/images/images-of-before.ts";
import type { AgentSetting } from "./agent-setting.ts";
import type { HostParts } from "./host-parts.ts";
import type { LinkParts } from "./link-parts.ts";

export function imageParts(
  { config, credential, clock, journal, log }: AgentSetting,
  { host, linked, wake }: { host: HostParts; linked: LinkParts; wake: () => void },
): { imagePulls: ImagePulls; imageCleaner: ImageCleaner } {
  const { runtime, runtimeWatch } = host;
  const { client, link } = linked;
  const { images } = runtime;
  const pulled = journal.pulledImages;
  const disk = async () => (runtimeWatch.info === null ? null : diskRoom(runtimeWatch.info.dataFolder));
  const bounds = config.imageBounds;
  const source = {
    images,
    pulled,
    room: new ImageRoom({ images, pulled, disk, bounds }),
    client,
    refreshOrders: () => link.nudged(),
    addressesOf: registryAddresses,
    request: requestRegistry,
  };
  const { host_id: hostId } = credential.grant;
  const before = new ImagesOfBefore({ images, journal, hostId, wallMs: clock.wallMs });
  const imagePulls = new ImagePulls({ source, before, pulled, clock, wake, log });
  const imageCleaner = new ImageCleaner({
    images,
    before,
    pulled,
    wanted: () => imagePulls.names,
    disk,
    bounds,
    wallMs: clock.wallMs,
    log,
  });
  return { imagePulls, imageCleaner };
}
