/** What most stories of one customer begin with: a control scene, somebody who has money, and a host that a test speaks for. */
import type { Caller } from "../http/api.ts";
import type { FreshDatabase } from "../engines/postgres.ts";
import { type ControlScene, type HostOptions, openControlScene, type ScriptedHost } from "./control-scene.ts";

export interface CustomerScene {
  scene: ControlScene;
  alice: Caller & { workspaceId: number };
  host: ScriptedHost;
}

/** `database` as openApi takes it. */
export async function openCustomerScene(
  options: HostOptions,
  database?: FreshDatabase,
): Promise<CustomerScene> {
  const scene = await openControlScene(database);
  const alice = await scene.customer("alice");
  return { scene, alice, host: await scene.host("host-a", options) };
}
