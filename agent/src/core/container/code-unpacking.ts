/**
 * How a job's code comes into its container: the archive lies there read-only, and the job's own user unpacks it before
 * the command begins. Whatever is in it can thus do no more than the command itself; it counts as what the container has
 * written, and goes with it.
 */
import { CODE_TARGET } from "@remotegpu/shared/instance/code";
import { joined, TAR_END, tarHeader } from "@remotegpu/shared/instance/tar-header";

export const PACK_TARGET = "/.remotegpu-code";
const BUSYBOX = "/.remotegpu/busybox";
/** As a shell says it of what it could not begin. */
const CANNOT_UNPACK = 125;
const ANYBODYS = 0o1777;

/** On one line with the command, so that what a shell says of its lines holds. */
export function unpackingFirst(command: string): string {
  const unpack = `${BUSYBOX} tar -xzf ${PACK_TARGET} -C ${CODE_TARGET}`;
  return `${unpack} || { echo "The code of the job could not be unpacked." >&2; exit ${CANNOT_UNPACK}; }; ${command}`;
}

/** An archive of the folder that it is unpacked into, for whatever user the image names. */
export function codeFolderArchive(): Uint8Array {
  const steps = CODE_TARGET.split("/").slice(1);
  const headers = steps.map((_, index) => {
    const name = new TextEncoder().encode(`${steps.slice(0, index + 1).join("/")}/`);
    return tarHeader({ type: "folder", name, ...(index === steps.length - 1 && { mode: ANYBODYS }) });
  });
  return joined([...headers, TAR_END]);
}
