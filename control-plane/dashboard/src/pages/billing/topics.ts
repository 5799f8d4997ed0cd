/** Of the stream: what makes the answers about money old. */
export const TOPICS = ["billing"] as const;
