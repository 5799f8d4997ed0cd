/** A support bundle as whoever receives it unpacks it. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { entriesOf } from "@remotegpu/agent/toolbox/archive";

interface Manifest {
  program: string;
  entries: { name: string; bytes: number; redacted: number; incomplete?: string }[];
  left_out: { name: string; reason: string }[];
}

export interface UnpackedBundle {
  /** All of it, the archive's own headers among them. */
  bytes: Buffer;
  manifest: Manifest;
  names: string[];
  /** @throws where there is none of that name */
  text(name: string): string;
  json(name: string): unknown;
}

export function unpackedBundle(file: string): UnpackedBundle {
  const bytes = gunzipSync(readFileSync(file));
  const texts = new Map(
    entriesOf(bytes).flatMap((entry) =>
      entry.kind === "file" ? [[entry.path.replace(/^[^/]+\//, ""), entry.content.toString()] as const] : [],
    ),
  );
  const text = (name: string) => {
    const found = texts.get(name);
    if (found === undefined) throw new Error(`${name} is not among ${[...texts.keys()].join(", ")}`);
    return found;
  };
  const json = (name: string): unknown => JSON.parse(text(name));
  return { bytes, manifest: json("manifest.json") as Manifest, names: [...texts.keys()], text, json };
}
