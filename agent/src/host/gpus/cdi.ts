/**
 * The CDI specs of this host: which devices they name, and what each adds to a container. NVIDIA's tools write
 * YAML or JSON; both are read, and a spec that cannot be read is reported and passed over.
 */
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { CdiDevice, CdiEdits } from "../../core/container/gpu-attachment.ts";

/** Where the runtime looks unless it says otherwise. */
const CDI_DIRS = ["/etc/cdi", "/var/run/cdi"] as const;
export const SIMULATED_KIND = "remotegpu.simulated/gpu";
const NVIDIA_KIND = "nvidia.com/gpu";
/** Larger files are no specs; NVIDIA's for 16 cards is below 100 KiB. */
const MAX_SPEC_BYTES = 4 * 1024 * 1024;

const Edits = z.object({
  env: z.array(z.string()).nullish(),
  deviceNodes: z
    .array(z.object({ path: z.string(), hostPath: z.string().nullish(), permissions: z.string().nullish() }))
    .nullish(),
  mounts: z
    .array(
      z.object({
        hostPath: z.string(),
        containerPath: z.string(),
        options: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
});

const Spec = z.object({
  cdiVersion: z.string(),
  kind: z.string(),
  containerEdits: Edits.nullish(),
  devices: z.array(
    z.object({
      // An index is written bare in YAML and is a number there.
      name: z.union([z.string(), z.number()]).transform(String),
      containerEdits: Edits.nullish(),
    }),
  ),
});
type Spec = z.infer<typeof Spec>;

export type CdiSpecs = {
  specs: Spec[];
  /** One sentence for each file that is no readable spec. */
  unreadable: string[];
};

/** Reads them again and again; a file that has not changed since is not taken apart anew, which takes longer than a look. */
export class CdiSpecFiles {
  #known = new Map<string, { state: string; spec: Spec }>();

  /** The specs of GPUs, real and simulated; later folders come last. A folder that is not there holds none. */
  async read(dirs: readonly string[] = CDI_DIRS): Promise<CdiSpecs> {
    const known = new Map<string, { state: string; spec: Spec }>();
    const unreadable: string[] = [];
    for (const file of (await Promise.all(dirs.map(specFilesOf))).flat()) {
      try {
        // Before its text: what is written meanwhile is read by the next look.
        const state = await stateOf(file);
        const before = this.#known.get(file);
        const spec = before?.state === state ? before.spec : parseCdiSpec(await readFile(file, "utf8"));
        known.set(file, { state, spec });
      } catch (error) {
        // Another agent may take its file away between the listing and the reading.
        if (!isAbsence(error)) unreadable.push(`${file} is no CDI spec: ${messageOf(error)}`);
      }
    }
    this.#known = known;
    const specs = [...known.values()].map(({ spec }) => spec);
    return {
      specs: specs.filter(({ kind }) => kind === NVIDIA_KIND || kind === SIMULATED_KIND),
      unreadable,
    };
  }
}

/** @throws an error that says what is wrong with the text */
export function parseCdiSpec(text: string): Spec {
  if (text.length > MAX_SPEC_BYTES) throw new Error(`it is longer than ${MAX_SPEC_BYTES} bytes`);
  // JSON is YAML. Aliases are bounded, since a file of them can stand for gigabytes.
  return Spec.parse(parse(text, { maxAliasCount: 100 }));
}

/**
 * The given GPUs as the specs know them; those that no spec names are left out.
 * @param gpus the host's inventory; NVIDIA's specs of older tools name cards by index only
 */
export function cdiDevicesOf(
  specs: readonly Spec[],
  gpus: readonly { uuid: GpuUuid; index: number }[],
): CdiDevice[] {
  return gpus.flatMap((gpu) => cdiDeviceOf(specs, gpu) ?? []);
}

function cdiDeviceOf(
  specs: readonly Spec[],
  { uuid, index }: { uuid: GpuUuid; index: number },
): CdiDevice | null {
  const named = findDevice(specs, (_spec, name) => name === uuid);
  // Several agents of one machine name simulated cards by UUID; an index would be anybody's.
  const found =
    named ?? findDevice(specs, (spec, name) => spec.kind === NVIDIA_KIND && name === String(index));
  if (!found) return null;
  const { spec, device } = found;
  return {
    uuid,
    qualifiedName: `${spec.kind}=${device.name}`,
    edits: merged([spec.containerEdits, device.containerEdits]),
    simulated: spec.kind === SIMULATED_KIND,
  };
}

function findDevice(specs: readonly Spec[], isIt: (spec: Spec, name: string) => boolean) {
  for (const spec of specs) {
    const device = spec.devices.find((candidate) => isIt(spec, candidate.name));
    if (device) return { spec, device };
  }
  return null;
}

function merged(parts: (z.infer<typeof Edits> | null | undefined)[]): CdiEdits {
  const edits = parts.filter((part) => part !== null && part !== undefined);
  return {
    env: edits.flatMap((edit) => edit.env ?? []),
    deviceNodes: edits
      .flatMap((edit) => edit.deviceNodes ?? [])
      .map(({ path, hostPath, permissions }) => ({
        path,
        hostPath: hostPath ?? path,
        permissions: permissions ?? "rwm",
      })),
    mounts: edits
      .flatMap((edit) => edit.mounts ?? [])
      .map(({ hostPath, containerPath, options }) => ({ hostPath, containerPath, options: options ?? [] })),
  };
}

/** Another one for each writing of it. */
async function stateOf(file: string): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
  return [ino, size, mtimeNs, ctimeNs].join();
}

async function specFilesOf(dir: string): Promise<string[]> {
  try {
    const names = await readdir(dir);
    return names
      .filter((name) => /\.(json|ya?ml)$/.test(name))
      .toSorted()
      .map((name) => join(dir, name));
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function messageOf(error: unknown): string {
  return error instanceof z.ZodError ? z.prettifyError(error) : String(error);
}
