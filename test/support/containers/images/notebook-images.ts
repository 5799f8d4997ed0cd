/**
 * Images whose services our init starts. One is JupyterLab as Debian packages it: what it needs at run time alone, without
 * the tools it was built with, unpacked and made whole by what its packages' scripts would do. TensorBoard is no package of
 * Debian, so a small program of its name stands for it. In the others a script has the name of jupyter-lab.
 */
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { layPackages } from "./debian-root.ts";
import { importOnce, layBusyboxRoot } from "../docker.ts";

/** Named for the content of these lines: who changes one gives it another number. */
export const JUPYTER_IMAGE = "remotegpu-test/jupyter:1";
/** Its jupyter-lab does what the variable AS_JUPYTER says, as a shell reads it. */
export const SCRIPTED_IMAGE = "remotegpu-test/scripted-jupyter:1";

const NEEDED =
  "bash python3-jupyterlab-server python3-notebook-shim python3-ipykernel python3-jupyter-server python3-async-lru python3-jupyter-events".split(
    " ",
  );
/** Of their closure: installers, debuggers, and what is of no use without somebody at a keyboard. */
const LEFT_OUT =
  /^(coreutils|dpkg|tar|debconf|perl-base|procps|ucf|gdb|libpython3\.13|lib(debuginfod.*|babeltrace1|source-highlight.*|glib2\.0-0t64|curl3t64-gnutls|ipt2|mpfr6)|python3-(coverage|debugpy))$/;
const UNUSED = [
  "usr/share/doc",
  "usr/share/man",
  "usr/share/nodejs",
  "usr/share/locale",
  "usr/share/javascript",
];

const TENSORBOARD = `#!/usr/bin/python3
import argparse, http.server
asked = argparse.ArgumentParser()
for name in ("--logdir", "--host", "--port"):
    asked.add_argument(name, required=True)
given = asked.parse_args()
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"stands for TensorBoard of {given.logdir}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
print(f"of {given.logdir}", flush=True)
http.server.ThreadingHTTPServer((given.host, int(given.port)), Answers).serve_forever()
`;

/** From the packages that apt knows of; half a minute where it is not there. */
export async function importJupyterImage(): Promise<void> {
  await importOnce(JUPYTER_IMAGE, layJupyterRoot);
}

export async function importScriptedImage(): Promise<void> {
  await importOnce(SCRIPTED_IMAGE, async (root) => {
    await layBusyboxRoot(root);
    await writeProgram(join(root, "bin/jupyter-lab"), '#!/bin/sh\neval "$AS_JUPYTER"\n');
  });
}

async function layJupyterRoot(root: string): Promise<void> {
  await layPackages(root, { needed: NEEDED, leftOut: LEFT_OUT, alone: ["jupyterlab"] });
  for (const folder of UNUSED) await rm(join(root, folder), { recursive: true, force: true });
  await layWhatScriptsMake(root);
}

async function layWhatScriptsMake(root: string): Promise<void> {
  await symlink("bash", join(root, "usr/bin/sh"));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n");
  await writeFile(join(root, "etc/group"), "root:x:0:\n");
  const authorities = join(root, "usr/share/ca-certificates/mozilla");
  const [first = ""] = await readdir(authorities);
  await mkdir(join(root, "etc/ssl/certs"), { recursive: true });
  const certificate = await readFile(join(authorities, first), "utf8");
  await writeFile(join(root, "etc/ssl/certs/ca-certificates.crt"), certificate);
  await writeProgram(join(root, "usr/bin/tensorboard"), TENSORBOARD);
}

async function writeProgram(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o755);
}
