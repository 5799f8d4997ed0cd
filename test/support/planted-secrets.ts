/**
 * Secrets that a test plants where real ones stand, and the search for them in bytes: as they are, as JSON and URLs write
 * them, as hex and in base64. Independent of the product's own search.
 */
import { randomBytes } from "node:crypto";

const ALIGNMENTS = [0, 1, 2];

export class PlantedSecrets {
  readonly #byPlace = new Map<string, string>();

  /** A new secret of this place, with characters that JSON and URLs write otherwise. @param form around it */
  plant(place: string, form: (word: string) => string = (word) => `${word}/+é"=`): string {
    const secret = form(`Pl${randomBytes(9).toString("hex")}`);
    this.#byPlace.set(place, secret);
    return secret;
  }

  /** One that the product itself has made. */
  add(place: string, secret: string): void {
    this.#byPlace.set(place, secret);
  }

  get places(): string[] {
    return [...this.#byPlace.keys()];
  }

  /** The places whose secrets are in the bytes, each with the form in which it is. */
  foundIn(bytes: Buffer): string[] {
    const text = bytes.toString("latin1");
    return [...this.#byPlace].flatMap(([place, secret]) =>
      [...formsOf(secret)].filter(([, form]) => text.includes(form)).map(([name]) => `${place}: ${name}`),
    );
  }
}

function formsOf(secret: string): Map<string, string> {
  const latin = (text: string) => Buffer.from(text).toString("latin1");
  const inBase64 = ALIGNMENTS.map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]).toString("base64");
    // What the neighbours' bits go into, too, is another character each time.
    return encoded.replace(/=+$/, "").slice(shift === 0 ? 0 : shift + 1, -1);
  });
  return new Map([
    ["plain", latin(secret)],
    ["json", latin(JSON.stringify(secret).slice(1, -1))],
    ["url", encodeURIComponent(secret)],
    ["url twice", encodeURIComponent(encodeURIComponent(secret))],
    ["hex", Buffer.from(secret).toString("hex")],
    ...inBase64.map((form, shift) => [`base64 ${shift}`, form] as const),
    ...inBase64.map(
      (form, shift) => [`base64url ${shift}`, form.replaceAll("+", "-").replaceAll("/", "_")] as const,
    ),
  ]);
}
