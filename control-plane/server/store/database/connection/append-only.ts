/**
 * The tables to which rows are only added: the one list for what the application's role may not do and for what the
 * doctor asks. Each has the triggers `append_only` and `append_only_truncate` besides, made by its migration, which
 * hold for the owner, too.
 */
export const APPEND_ONLY_TABLES: readonly string[] = [
  "audit_log",
  "billing_records",
  "invoice_lines",
  "invoice_movements",
  "ledger_entries",
  "ledger_transactions",
  "usage_rows",
];
