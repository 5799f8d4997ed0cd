/**
 * Takes secrets out of text before it goes into a support bundle: those that the program knows, in each form in which they may
 * be written, and whatever has the form of a secret. It is the second line of defence; the first is that collectors take
 * along only what they name.
 */

/** What stands in place of a secret. */
export const REDACTED = "[redacted]";
/** Shorter ones are in too many other words to be searched for. */
const SHORTEST_KNOWN = 6;
/** Of a secret's forms in base64; shorter ones stand in other texts by chance. */
const SHORTEST_FRAGMENT = 8;

const SECRET_WORD =
  "password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|authorization|cookie|signature";

/** Each with what its match is replaced by. All are bounded: no text makes them slow. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{0,40}(?:PRIVATE KEY|SEED)-----[\s\S]*?(?:-----END [A-Z ]{0,40}-----|$)/g, REDACTED],
  // User and password of a URL, to the last @ in front of a blank or a quote.
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)(?!\[redacted\]@)[^\s"'<>]{0,1000}@/gi, `$1${REDACTED}@`],
  [/\b(bearer|basic)\s+(?!\[redacted\])[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  // NAME=value and "name": "value", quoted once more where it stands within a string.
  [
    new RegExp(
      String.raw`((?:(?:${SECRET_WORD})[\w-]{0,40}|\bauth)(?:\\{0,4}["'])?\s{0,3}[:=]\s{0,3})"(?!\[redacted\]")(?:[^"\\]|\\.)+"`,
      "gi",
    ),
    `$1"${REDACTED}"`,
  ],
  [
    new RegExp(
      String.raw`((?:(?:${SECRET_WORD})[\w-]{0,40}|\bauth)(?:\\{0,4}["'])?\s{0,3}[:=]\s{0,3})(?:\\{1,4}"[^"]*"|'[^']+'|(?!\[redacted|null\b|true\b|false\b|\d{1,4}\b)[^\s"'\\,;&)}\]{[]+)`,
      "gi",
    ),
    `$1${REDACTED}`,
  ],
  // Of ours: keys, sessions, tickets and invitations, and the secrets of webhooks.
  [/\b(?:rg[a-z]|whsec)_[\w-]{6,}/g, REDACTED],
  [/\b(?:gh[a-z]_|github_pat_|glpat-|xox[a-z]-|hf_|sk-)[\w-]{12,}|\bAKIA[0-9A-Z]{16}\b/g, REDACTED],
  // Seeds of NATS, tokens of JWT, hashes of passwords.
  [/\bS[OANCUX][A-Z2-7]{40,}\b/g, REDACTED],
  [/\beyJ[\w-]{10,}(?:\.[\w-]{4,}){0,2}/g, REDACTED],
  [/\$(?:2[abxy]|[1567y]|argon2\w{0,2})\$[^\s"'\\]{10,}|\bSCRAM-SHA-256\$[^\s"'\\]{10,}/g, REDACTED],
  [
    /\b(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-[\w-]{1,20}|sk-[\w@.-]{1,40})\s{1,3}[A-Za-z0-9+/=]{20,}/g,
    REDACTED,
  ],
  [/[\w.!#$%&*+?^`{|}~-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,6}[a-z][a-z0-9-]{1,62}/gi, REDACTED],
];

interface RedactedText {
  text: string;
  /** So many places were replaced. */
  count: number;
}

export class Redactor {
  readonly #known: readonly string[];

  /** @param secrets known ones, as they are; those of fewer than 6 characters are not looked for */
  constructor(secrets: Iterable<string>) {
    const known = [...secrets].filter((secret) => secret.length >= SHORTEST_KNOWN);
    const forms = new Set(known.flatMap(writtenForms));
    // One may be the beginning of another, which is then found as a whole.
    this.#known = [...forms].toSorted((a, b) => b.length - a.length);
  }

  redacted(text: string): RedactedText {
    let [result, count] = [text, 0];
    for (const form of this.#known) {
      const parts = result.split(form);
      count += parts.length - 1;
      result = parts.join(REDACTED);
    }
    for (const [form, replacement] of FORMS) {
      count += result.match(form)?.length ?? 0;
      result = result.replace(form, replacement);
    }
    return { text: result, count };
  }
}

/** As it is, within JSON and URLs, as hex and in base64, wherever it begins there. */
function writtenForms(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const inBase64 = [0, 1, 2].map((offset) => base64Fragment(bytes, offset));
  const fragments = [...inBase64, ...inBase64.map(ofUrls)].filter(
    (fragment) => fragment.length >= SHORTEST_FRAGMENT,
  );
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    encodeURIComponent(encodeURIComponent(secret)),
    hexOf(bytes),
    ...fragments,
  ];
}

/** The characters of base64 that are of these bytes alone, where they stand `offset` bytes after the start of a group. */
function base64Fragment(bytes: Uint8Array, offset: number): string {
  const shifted = new Uint8Array(bytes.length + offset);
  shifted.set(bytes, offset);
  const whole = btoa(Array.from(shifted, (byte) => String.fromCharCode(byte)).join(""));
  const ownBits = shifted.length * 8;
  return whole.slice(Math.ceil((offset * 8) / 6), Math.floor(ownBits / 6));
}

function ofUrls(base64: string): string {
  return base64.replaceAll("+", "-").replaceAll("/", "_");
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
