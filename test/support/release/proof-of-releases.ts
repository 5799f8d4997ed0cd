/** Whether the releases are tried with all that their suites have for it, as `npm run proof:releases` does, or with a part. */
export const IS_WHOLE_PROOF = process.env["RELEASES_PROOF"] === "whole";
