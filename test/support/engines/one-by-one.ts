/** A batch of a transaction's statements, sent one by one: so that one of them can be watched, or fail, as if it were alone. */
import {
  type Answer,
  Batch,
  BatchPart,
} from "@remotegpu/control-plane/server/store/database/connection/batch";

/** @param each sees to one statement, by `send` or without */
export async function oneByOne(
  batch: Batch,
  sendBatch: (batch: Batch) => unknown,
  each: (text: string, send: () => Promise<Answer>) => Promise<Answer>,
): Promise<void> {
  for (const [index, { statement, resolve }] of batch.parts.entries()) {
    const send = async (): Promise<Answer> => {
      const part = new BatchPart(statement);
      sendBatch(new Batch([part], { prepares: batch.prepares, done: () => undefined }));
      return await part.answer;
    };
    try {
      resolve(await each(statement.text, send));
    } catch (error) {
      for (const { reject } of batch.parts.slice(index)) reject(error);
      return batch.done(error);
    }
  }
  batch.done(null);
}
