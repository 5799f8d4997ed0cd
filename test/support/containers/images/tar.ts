/** A tar archive with one file, as a layer of an image is one. */
import { joined, TAR_END, tarFilling, tarHeader } from "@remotegpu/shared/instance/tar-header";

export function tarOf(name: string, content: Buffer): Buffer {
  const header = tarHeader({
    type: "file",
    name: Buffer.from(name),
    bytes: content.length,
    isExecutable: false,
  });
  return Buffer.from(joined([header, content, new Uint8Array(tarFilling(content.length)), TAR_END]));
}
