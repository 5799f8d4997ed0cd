/** The images of the whole run, made before the first file: files that run side by side would both make them. */
import { importBusyboxImage, importEmptyImage } from "../containers/docker.ts";
import { importUserImages } from "../containers/images/user-images.ts";

export default async function setup(): Promise<void> {
  await importBusyboxImage();
  await importEmptyImage();
  await importUserImages();
}
