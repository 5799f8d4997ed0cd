/** How English puts reasons after each other. */
import type { Language } from "./wording.ts";

export const ENGLISH_PUNCTUATION: Language["punctuation"] = {
  stop: ".",
  betweenSentences: " ",
  betweenPhrases: ", ",
  betweenAll: " and ",
  betweenAlternatives: " or ",
  betweenHosts: "; ",
  afterHost: ": ",
  moreNames: (more) => `, and ${more} more`,
  moreHosts: (more) => `; and ${more} more hosts`,
};
