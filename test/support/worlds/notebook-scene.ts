/**
 * A gateway before a container in which JupyterLab and TensorBoard are kept up as in the product. It shares the network of
 * the web scene's own container, which the access process leads to.
 */
import { serviceFiles } from "@remotegpu/agent/core/services/service-files";
import type { GatewayDeps } from "@remotegpu/control-plane/gateway/gateway";
import { watchedServices } from "@remotegpu/agent/core/services/watched-services";
import { writeLiveFolder } from "@remotegpu/agent/toolbox/live-folder";
import { GIB } from "@remotegpu/shared/values/units";
import { Doorway } from "../containers/door.ts";
import { importJupyterImage, JUPYTER_IMAGE } from "../containers/images/notebook-images.ts";
import type { FreshDatabase } from "../engines/postgres.ts";
import { eventually } from "../eventually.ts";
import { openWebScene, type WebScene } from "./web-scene.ts";

/** Of a machine that does other things as well. */
const JUPYTER_WITHIN_MS = 180_000;

/** Resolves once Jupyter answers through the gateway; with `token` of its run. */
export async function openNotebookScene(
  ending: AsyncDisposableStack,
  { database, change = {} }: { database?: FreshDatabase; change?: Partial<GatewayDeps> } = {},
): Promise<{ scene: WebScene; token: string }> {
  await importJupyterImage();
  const scene = ending.adopt(await openWebScene(change, database), (one) => one.close());
  const route = ending.adopt(await Doorway.open(), (one) => one.close());
  const [order] = await scene.host.pull();
  if (order === undefined) throw new Error("the environment was not placed");
  const door = await route.begin({
    spec: { image: JUPYTER_IMAGE, memoryBytes: GIB, pidsLimit: 512 },
    isOpenAtOnce: false,
    adapt: (options) => ({
      ...options,
      Hostname: "",
      HostConfig: { ...options.HostConfig, NetworkMode: `container:${scene.container.containerId}` },
    }),
  });
  const spec = { ...order.spec, tensorboard: true };
  await writeLiveFolder(door.livePath, serviceFiles({ ...order, spec }));
  await scene.watches(watchedServices({ ...order, spec }));
  const status = () => scene.request(scene.hostOf("jupyter"), "/api/status", { key: scene.owner.key });
  await eventually(async () => (await status()).status === 200, {
    withinMs: JUPYTER_WITHIN_MS,
    what: "an answer of Jupyter through the gateway",
  });
  return { scene, token: order.live.jupyterToken ?? "" };
}
