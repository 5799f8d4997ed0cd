/**
 * What tells the first process of a container what to do, as files of its live folder: which services to keep up, of which
 * one that is there is wanted, and that a rank may begin. Jupyter's holds its token, which stands nowhere else in the container but in Jupyter itself. Beside xrdp's is
 * the hash of the password of this run, which is changed while it goes on.
 */
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { waitsForGang, RELEASED_FILE } from "../container/container-spec.ts";
import { isPasswordHash, type LiveFile, NO_PASSWORD } from "../ssh/live-files.ts";

/** The names are known to toolbox-services.h, too, and the last to its script. */
const JUPYTER = "jupyter_token";
const TENSORBOARD = "tensorboard";
const RDP = "rdp";
const RDP_PASSWORD = "rdp_password";

/**
 * In the order in which they are to be written. Without a token, as a control plane of before gives none, Jupyter is not
 * begun: it would let everybody in or make one. What is no hash lets nobody in by RDP.
 */
export function serviceFiles({ spec, live }: Pick<DesiredInstance, "spec" | "live">): LiveFile[] {
  const { jupyterToken, rdp } = live;
  return [
    ...(spec.jupyter && jupyterToken !== undefined
      ? [{ name: JUPYTER, text: jupyterToken, isPublic: false }]
      : []),
    ...(spec.tensorboard ? [{ name: TENSORBOARD, text: "", isPublic: true }] : []),
    ...(rdp === undefined ? [] : rdpFiles(rdp.passwordHash)),
    ...(waitsForGang(spec) && live.released === true
      ? [{ name: RELEASED_FILE, text: "", isPublic: true }]
      : []),
  ];
}

function rdpFiles(hash: string | null): LiveFile[] {
  const password = hash !== null && isPasswordHash(hash) ? hash : NO_PASSWORD;
  return [
    { name: RDP_PASSWORD, text: `${password}\n`, isPublic: false },
    { name: RDP, text: "", isPublic: true },
  ];
}
