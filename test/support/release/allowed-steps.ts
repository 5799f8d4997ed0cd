/**
 * Contracting steps of the migrations since the previous release that a replica of it does not notice, each with the reason why.
 * It is emptied when a release is cut.
 */
import type { ContractingStep } from "./contracting-steps.ts";

export const ALLOWED_STEPS: readonly (ContractingStep & { reason: string })[] = [];
