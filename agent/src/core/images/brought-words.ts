/**
 * What an image brings, each as one word, found by names of programs alone: nothing is run for it. Where programs lie is
 * what the image itself says (PATH); a shell is what our init and its orders look for, and servers lie where a session's
 * PATH need not lead. Beyond programs there is whether it names a user other than root. Its home is not told: our init
 * makes one where there is none.
 */
import { MAX_BROUGHT } from "@remotegpu/shared/instance/instance";

/** Where a word has a place of its own, nothing else is looked at. */
const PROGRAMS: readonly { word: string; names: readonly string[]; at?: readonly string[] }[] = [
  { word: "bash", names: ["bash"], at: ["/bin"] },
  { word: "notebook", names: ["jupyter-lab"] },
  { word: "python", names: ["python3", "python"] },
  { word: "shell", names: ["sh"], at: ["/bin"] },
  { word: "sshd", names: ["sshd", "dropbear"], at: ["/usr/sbin", "/usr/local/sbin"] },
  { word: "tensorboard", names: ["tensorboard"] },
  { word: "xrdp", names: ["xrdp"], at: ["/usr/sbin", "/usr/local/sbin"] },
];

const USER = "user";
const ROOTS: ReadonlySet<string> = new Set(["", "0", "root"]);
/** As runtimes have it where an image says none. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** An image may name any number of folders; each costs a few questions. */
const MAX_FOLDERS = 10;
const MAX_FOLDER_LENGTH = 256;

export type Candidate = { word: string; path: string };

/** @param env of the container, as NAME=value */
export function candidatesFor(env: readonly string[]): Candidate[] {
  const named = env.find((line) => line.startsWith("PATH="))?.slice("PATH=".length);
  const folders = [...new Set((named || DEFAULT_PATH).split(":").map((folder) => folder.replace(/\/+$/, "")))]
    .filter((folder) => folder.startsWith("/") && folder.length <= MAX_FOLDER_LENGTH)
    .slice(0, MAX_FOLDERS);
  return PROGRAMS.flatMap(({ word, names, at = folders }) =>
    names.flatMap((name) => at.map((folder) => ({ word, path: `${folder}/${name}` }))),
  );
}

/**
 * In the order of the alphabet, so that the same image always tells the same.
 * @param user as the image names it; empty: it names none
 */
export function wordsOf(found: readonly Candidate[], user: string): string[] {
  const isRoot = ROOTS.has(user.split(":")[0] ?? "");
  return [...new Set([...found.map(({ word }) => word), ...(isRoot ? [] : [USER])])]
    .toSorted()
    .slice(0, MAX_BROUGHT);
}
