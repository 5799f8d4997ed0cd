/**
 * Looks for programs in a container's file system, by asking the runtime about paths: nothing runs in it, and the runtime
 * itself follows links within it. Bounded by the number of paths.
 */
import { Readable } from "node:stream";
import { z } from "zod";
import { candidatesFor, wordsOf, type Candidate } from "../../core/images/brought-words.ts";
import { QUICK_MS, WORK_MS, type Docker } from "../docker/docker.ts";
import { isStatus } from "../docker/runtime-error.ts";

const Answer = z.instanceof(Readable);
const Inspected = z.object({
  Image: z.string(),
  Config: z.object({ Env: z.array(z.string()).nullish() }),
});
const InspectedImage = z.object({ Config: z.object({ User: z.string().nullish() }).nullish() });

/** The words for what is there; null where the container is gone. @throws RuntimeError, RuntimeDown */
export async function broughtBy(docker: Docker, containerId: string): Promise<string[] | null> {
  const container = await inspected(docker, containerId);
  if (container === null) return null;
  const found: Candidate[] = [];
  for (const check of candidatesFor(container.Config.Env ?? [])) {
    if (found.some(({ word }) => word === check.word)) continue;
    if (await isThere(docker, containerId, check.path)) found.push(check);
  }
  const user = await userOf(docker, container.Image);
  // What is gone by now has answered "not there" to everything.
  return (await inspected(docker, containerId)) === null ? null : wordsOf(found, user);
}

async function inspected(docker: Docker, containerId: string): Promise<z.infer<typeof Inspected> | null> {
  const raw = await orNull(
    docker.call("read a container's environment", { deadlineMs: QUICK_MS }, (client, abortSignal) =>
      client.getContainer(containerId).inspect({ abortSignal }),
    ),
  );
  return raw === null ? null : Inspected.parse(raw);
}

/** As the image names it, whoever its container runs as; empty for none, and where the image is gone. */
async function userOf(docker: Docker, image: string): Promise<string> {
  const raw = await orNull(
    docker.call("read an image's user", { deadlineMs: QUICK_MS }, (client) =>
      client.getImage(image).inspect(),
    ),
  );
  return raw === null ? "" : (InspectedImage.parse(raw).Config?.User ?? "");
}

async function isThere(docker: Docker, containerId: string, path: string): Promise<boolean> {
  const isFound = await orNull(
    docker.call("look into a container", { deadlineMs: WORK_MS }, async (client, abortSignal) => {
      const answer = Answer.parse(await client.getContainer(containerId).infoArchive({ path, abortSignal }));
      // An answer without a body is a stream all the same; unread it would keep its connection, and a process that ends.
      answer.resume();
      return true;
    }),
  );
  return isFound !== null;
}

async function orNull<T>(requested: Promise<T>): Promise<T | null> {
  try {
    return await requested;
  } catch (error) {
    if (isStatus(error, 404)) return null;
    throw error;
  }
}
