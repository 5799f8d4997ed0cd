/** Values that several messages share; their codes and texts stand beside their checks. */
import { messagesFor } from "@remotegpu/shared/reasons/messages";
import { VALUE_ENGLISH as TEXTS, type VALUE_CODES } from "@remotegpu/shared/values/value-failure";

export const VALUE_ENGLISH = messagesFor<typeof VALUE_CODES>()(TEXTS);
