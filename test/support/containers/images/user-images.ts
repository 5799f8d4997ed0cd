/** Images whose programs are not root's, named in both ways in which an image may name its user; both are uid 1000. */
import { importOnce, layBusyboxRoot } from "../docker.ts";

export const USER_BY_NUMBER = "remotegpu-test/user-by-number:1";
export const USER_BY_NAME = "remotegpu-test/user-by-name:1";

/** Made once a machine. */
export async function importUserImages(): Promise<void> {
  await importOnce(USER_BY_NUMBER, layBusyboxRoot, ["USER 1000"]);
  await importOnce(USER_BY_NAME, layBusyboxRoot, ["USER user"]);
}
