/** The code of training jobs, and how it is brought. */
import type { Descriptions } from "./description.ts";

export const CODE_DESCRIPTIONS: Descriptions = {
  "/code-uploads/{id}": ["The upload", "code-81c20a4e"],
  "/parts/{part}": ["The number of the part, from 0", 0],
};
