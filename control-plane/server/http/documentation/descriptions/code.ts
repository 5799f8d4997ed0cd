/** The code of training jobs, and how it is brought. */
import type { Descriptions } from "./description.ts";

export const CODE_DESCRIPTIONS: Descriptions = {
  "/code-uploads/{id}": ["The upload", "code-81c20a4e"],
  "/parts/{part}": ["The number of the part, from 0", 0],
  "TrainingJob.code_id": [
    "What was brought as its code; null: its image's, or an environment's",
    "code-81c20a4e",
  ],
  "NewTrainingJob.code_id": ["What was brought as its code", "code-81c20a4e"],
  "CodeUpload.id": ["Its id, for an order's code_id", "code-81c20a4e"],
  "CodeUpload.status": ["ready where all of it is there and was checked"],
  "CodeUpload.sha256": [
    "Of the archive, in hex",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  ],
  "CodeUpload.size": ["Bytes of the archive", 48_213],
  "CodeUpload.part_size": ["Bytes of each part but the last", 524_288],
  "CodeUpload.missing_parts": ["Numbers of the parts that are still to come", [0]],
  "CodeUploadOrder.sha256": [
    "Of the whole archive, in hex",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  ],
  "CodeUploadOrder.size": ["Bytes of it", 48_213],
};
