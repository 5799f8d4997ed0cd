/** Passwords that nobody chose, and what is kept of one: a hash that sshd knows to compare with. */
import { randomBytes } from "node:crypto";
import { encrypt } from "unixcrypt";

/** 32 of them, so that a byte of chance gives five bits; none looks like another. */
const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";
const GROUPS = 6;
const LETTERS_OF_GROUP = 5;
const SALT_BYTES = 12;
/** The fewest that crypt(3) knows. More would slow whoever guesses, and of so much chance nothing can be guessed. */
const ROUNDS = 1_000;

export interface GeneratedPassword {
  /** 150 bits, in groups that can be typed. */
  password: string;
  /** SHA-512 of crypt(3). */
  hash: string;
}

export function generatePassword(): GeneratedPassword {
  const letters = [...randomBytes(GROUPS * LETTERS_OF_GROUP)].map((byte) => LETTERS[byte % LETTERS.length]);
  const groups = Array.from({ length: GROUPS }, (_, group) =>
    letters.slice(group * LETTERS_OF_GROUP, (group + 1) * LETTERS_OF_GROUP).join(""),
  );
  const password = groups.join("-");
  return { password, hash: cryptHash(password, `rounds=${ROUNDS}$${freshSalt()}`) };
}

/** 16 characters of those that crypt(3) takes. */
function freshSalt(): string {
  return randomBytes(SALT_BYTES).toString("base64").replaceAll("+", ".");
}

/** @param setting the salt, after the rounds where they are not the usual ones */
export function cryptHash(password: string, setting: string): string {
  return encrypt(password, `$6$${setting}`);
}
