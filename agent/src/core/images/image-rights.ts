/**
 * Who may use an image that is on this host. What was pulled without credentials everybody could have; what was pulled
 * with some is for orders with the same ones, until a registry has let another order have it, too. What somebody put
 * here by hand is for nobody, unless it is on offer.
 */
import type { ImageTerms } from "@remotegpu/shared/instance/image-fetch";
import { hasDigest, listedName, repositoryOf } from "./image-reference.ts";

/** An image that this agent pulled: by which name, and with which credential. */
export type PulledImage = {
  imageId: string;
  image: string;
  credential: string | null;
  /** The host's calendar clock; it only orders them. */
  lastUsedMs: number;
};

/** By its content and not by its name: a name may lead to another image tomorrow. */
export function mayUse(
  imageId: string,
  /** Absent from a control plane of before, which knows no such rights. */
  terms: ImageTerms | undefined,
  pulled: readonly PulledImage[],
): boolean {
  if (terms === undefined || terms.isOffered) return true;
  return pulled.some(
    (known) =>
      known.imageId === imageId && (known.credential === null || known.credential === terms.credential),
  );
}

/** What a name leads to on this host, and the repositories from which that came, by whomever it was pulled. */
export type NamedImage = { imageId: string; cameFrom: readonly string[] };

/**
 * Whether a pull may give this name to what its registry has now. A name that somebody gave by hand to an image of
 * their own stays with that: other orders mean it. However an order spells the name, to the runtime it is the same.
 */
export function mayPullOver(
  image: string,
  /** Null where the name leads to nothing. */
  here: NamedImage | null,
  pulled: readonly PulledImage[],
): boolean {
  if (here === null || hasDigest(image)) return true;
  const name = listedName(image);
  if (here.cameFrom.includes(repositoryOf(name))) return true;
  return pulled.some((known) => known.imageId === here.imageId && listedName(known.image) === name);
}
