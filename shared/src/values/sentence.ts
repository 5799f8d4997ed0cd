/**
 * Where texts of others become part of a sentence of ours. What hosts, administrators and registries say is a phrase or
 * a whole sentence, as it happens; so whoever puts it into another sentence makes it the one or the other here, and
 * nothing ends with two full stops.
 */

/** Without the full stop at its end, to go on after it. Three of them are no end but a pause, and stay. */
export function asPhrase(text: string): string {
  const trimmed = text.trimEnd();
  return trimmed.endsWith(".") && !trimmed.endsWith("..") ? trimmed.slice(0, -1) : trimmed;
}

/** With a full stop at its end, unless it ends by a mark of its own. */
export function asSentence(text: string): string {
  const trimmed = text.trimEnd();
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
