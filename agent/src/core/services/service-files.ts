/**
 * What tells the first process of a container which services to keep up, as files of its live folder: one that is there
 * is wanted. Jupyter's holds its token, which stands nowhere else in the container but in Jupyter itself.
 */
import type { DesiredInstance } from "@remotegpu/shared/instance";
import type { LiveFile } from "../ssh/live-files.ts";

/** The names are known to toolbox-services.h, too. */
const JUPYTER = "jupyter_token";
const TENSORBOARD = "tensorboard";

/** Without a token, as a control plane of before gives none, Jupyter is not begun: it would let everybody in or make one. */
export function serviceFiles({ spec, live }: Pick<DesiredInstance, "spec" | "live">): LiveFile[] {
  const { jupyterToken } = live;
  return [
    ...(spec.jupyter && jupyterToken !== undefined
      ? [{ name: JUPYTER, text: jupyterToken, isPublic: false }]
      : []),
    ...(spec.tensorboard ? [{ name: TENSORBOARD, text: "", isPublic: true }] : []),
  ];
}
