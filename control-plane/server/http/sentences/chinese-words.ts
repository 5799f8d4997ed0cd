/** Words by which the API names kinds of things, of actions, of alarms and of what happened, and what they are in Chinese. */
import { CHINESE_TERMS } from "../../core/reasons/chinese/terms.ts";

/** Each word once: some name an action and a payment. */
export const CHINESE_WORDS: readonly (readonly [word: string, translation: string])[] = [
  ...new Map(Object.values(CHINESE_TERMS).flatMap((words) => Object.entries<string>(words))),
];
