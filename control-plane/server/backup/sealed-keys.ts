/**
 * The files of a state folder that make a fleet what it is, sealed with a passphrase: `operator.json`, and the CA's folder
 * where there is one. The key follows from the passphrase by scrypt, which takes a guesser 128 MiB and a good part of a
 * second for each try, and seals all of them in one text, so that none can be exchanged.
 */
import { createSecretKey, randomBytes, scrypt } from "node:crypto";
import { existsSync, globSync } from "node:fs";
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { openText, sealText } from "../link/servers/sealing-keys.ts";
import { operatorFile } from "../link/servers/operator.ts";
import { BackupError } from "./backup-error.ts";

const COST = { N: 2 ** 17, r: 8, p: 1 };
const SCRYPT_MEMORY_BYTES = 2 * 128 * COST.N * COST.r;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const MIN_PASSPHRASE_LENGTH = 16;
/** Below the state folder. */
const CA_FOLDER = "tls";

const Sealed = z.object({ kdf: z.literal("scrypt-131072-8-1"), salt: z.base64(), sealed: z.base64() });
const KeyFiles = z.record(z.string().regex(/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/), z.string());

/** @throws BackupError where there is none, or it is too short to seal anything with */
export async function readPassphrase(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new BackupError(`the passphrase's file ${file} cannot be read`, { cause });
  });
  const passphrase = text.replace(/\r?\n$/, "");
  if (passphrase.length < MIN_PASSPHRASE_LENGTH)
    throw new BackupError(
      `the passphrase in ${file} has ${passphrase.length} characters; take at least ${MIN_PASSPHRASE_LENGTH}, as of: openssl rand -base64 24`,
    );
  return passphrase;
}

/** Null where the state folder has no keys. */
export async function sealedKeys(stateDir: string, passphrase: string): Promise<string | null> {
  if (!existsSync(operatorFile(stateDir))) return null;
  const paths = ["operator.json", ...globSync(`${CA_FOLDER}/*.pem`, { cwd: stateDir })];
  const texts = await Promise.all(
    paths.map(async (path) => [path, await readFile(join(stateDir, path), "utf8")] as const),
  );
  const salt = randomBytes(SALT_BYTES);
  const key = await keyOf(passphrase, salt);
  const sealed = sealText(JSON.stringify(Object.fromEntries(texts)), key, salt);
  const text: z.infer<typeof Sealed> = {
    kdf: "scrypt-131072-8-1",
    salt: salt.toString("base64"),
    sealed: sealed.toString("base64"),
  };
  return JSON.stringify(text);
}

/** Path below the state folder → text. @throws BackupError where the passphrase is another one */
export async function openedKeys(text: string, passphrase: string): Promise<Map<string, string>> {
  const { salt, sealed } = Sealed.parse(JSON.parse(text));
  const saltBytes = Buffer.from(salt, "base64");
  const opened = openText(Buffer.from(sealed, "base64"), await keyOf(passphrase, saltBytes), saltBytes);
  if (opened === null) throw new BackupError("the passphrase does not open the keys of this backup");
  return new Map(Object.entries(KeyFiles.parse(JSON.parse(opened))));
}

/** Never over a file that is there. Answers the paths that were written. */
export async function placeKeys(stateDir: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const placed: string[] = [];
  for (const [path, text] of files) {
    const full = join(stateDir, path);
    await mkdir(dirname(full), { recursive: true, mode: 0o700 });
    const file = await open(full, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    placed.push(full);
  }
  return placed;
}

async function keyOf(passphrase: string, salt: Buffer) {
  const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
  const secret = await derive(passphrase.normalize("NFC"), salt, KEY_BYTES, {
    ...COST,
    maxmem: SCRYPT_MEMORY_BYTES,
  });
  return { name: "backup", secret: createSecretKey(secret) };
}
