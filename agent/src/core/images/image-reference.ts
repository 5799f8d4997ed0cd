/** How images are named towards the runtime and by it: with a tag, and the default registry left out. */
import { DEFAULT_REGISTRY, registryOf } from "@remotegpu/shared/values/image-name";

/** What a runtime adds where an order names no tag. Without one it would pull every tag there is. */
const DEFAULT_TAG = "latest";
const TAG_OR_DIGEST = /[:@][^/]*$/;

/** As the runtime wants it: the name, and what of it is wanted. */
export function pullReference(image: string): { name: string; tag: string } {
  const named = withTag(image);
  const at = named.includes("@") ? named.indexOf("@") : named.lastIndexOf(":");
  return { name: named.slice(0, at), tag: named.slice(at + 1) };
}

/** As the runtime's list says it: `docker.io/library/python` is `python:latest` there. Any other name stays itself. */
export function listedName(image: string): string {
  const named = withTag(image);
  if (registryOf(image) !== DEFAULT_REGISTRY) return named;
  return named.replace(/^(index\.)?docker\.io\//i, "").replace(/^library\/(?=[^/]+$)/, "");
}

/** A listed name without its tag or digest. */
export function repositoryOf(listed: string): string {
  return listed.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
}

/** By its content, which no pull changes. */
export function hasDigest(image: string): boolean {
  return image.includes("@");
}

/** What of a registry is resolved: the one of Docker answers under another name than references say. */
export function hostOfRegistry(registry: string): string {
  const host = registry.replace(/:\d+$/, "");
  return host === DEFAULT_REGISTRY ? `registry-1.${DEFAULT_REGISTRY}` : host;
}

function withTag(image: string): string {
  return TAG_OR_DIGEST.test(image) ? image : `${image}:${DEFAULT_TAG}`;
}
