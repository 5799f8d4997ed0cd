/**
 * What an image brings, each as one word, found by names of programs alone: nothing is run for it. Where programs lie is
 * what the image itself says (PATH); a shell is what our init and its orders look for.
 */
import { MAX_BROUGHT } from "@remotegpu/shared/instance";

/** Where a word has a place of its own, nothing else is looked at. */
const PROGRAMS: readonly { word: string; names: readonly string[]; at?: string }[] = [
  { word: "bash", names: ["bash"], at: "/bin" },
  { word: "notebook", names: ["jupyter-lab", "jupyter-notebook"] },
  { word: "python", names: ["python3", "python"] },
  { word: "shell", names: ["sh"], at: "/bin" },
  { word: "tensorboard", names: ["tensorboard"] },
];

/** As runtimes have it where an image says none. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** An image may name any number of folders; each costs a few questions. */
const MAX_FOLDERS = 10;
const MAX_FOLDER_LENGTH = 256;

export type Look = { word: string; path: string };

/** @param env of the container, as NAME=value */
export function looksFor(env: readonly string[]): Look[] {
  const named = env.find((line) => line.startsWith("PATH="))?.slice("PATH=".length);
  const folders = [...new Set((named || DEFAULT_PATH).split(":").map((folder) => folder.replace(/\/+$/, "")))]
    .filter((folder) => folder.startsWith("/") && folder.length <= MAX_FOLDER_LENGTH)
    .slice(0, MAX_FOLDERS);
  return PROGRAMS.flatMap(({ word, names, at }) =>
    names.flatMap((name) =>
      (at === undefined ? folders : [at]).map((folder) => ({ word, path: `${folder}/${name}` })),
    ),
  );
}

/** In the order of the alphabet, so that the same image always tells the same. */
export function wordsOf(found: readonly Look[]): string[] {
  return [...new Set(found.map(({ word }) => word))].toSorted().slice(0, MAX_BROUGHT);
}
