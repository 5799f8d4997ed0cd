/**
 * The checksums of a file's parts as its host tells them: they go through to whoever asked, but no more of them than a file
 * of that size has, and nothing that is none. A file that lies there may be longer than what it is to become: its first line
 * says so, and the rest is of no use.
 */
import { CHUNK_BYTES } from "@remotegpu/shared/messages/files";
import type { HostAnswer } from "../../core/hosts/host-files.ts";
import { senseless } from "./pool-files.ts";

const SIZE_LINE_BYTES = 17;
const SUM_LINE_BYTES = 45;
const TEXT = /^[A-Za-z0-9+/=\n]*$/;

/** @param mostBytes that the file may have */
export function sumsResponse(answer: HostAnswer, mostBytes: number): Response {
  if (answer.status !== 200) {
    answer.cancel();
    throw senseless();
  }
  let left = SIZE_LINE_BYTES + SUM_LINE_BYTES * (Math.ceil(mostBytes / CHUNK_BYTES) + 1);
  const checked = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      const taken = bytes.subarray(0, left);
      left -= taken.byteLength;
      if (!TEXT.test(new TextDecoder("latin1").decode(taken))) return controller.error(senseless());
      controller.enqueue(taken);
      if (left === 0) controller.terminate();
    },
  });
  return new Response(answer.body.pipeThrough(checked), { headers: { "content-type": "text/plain" } });
}
