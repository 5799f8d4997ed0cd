/** Tokens of JupyterLab, of which the database has no more than what they follow from; how they are made is link's. */

export interface JupyterTokens {
  /** @param stored of the environment's start, as `environments.jupyter_token` has it; one of before is the token itself */
  tokenOf(stored: string): string;
}
