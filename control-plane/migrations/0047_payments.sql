-- What people paid and were given back, found among all that was ever charged.

CREATE INDEX IF NOT EXISTS idx_ledger_transactions_payments ON ledger_transactions (customer_id, id)
  WHERE source_kind IN ('topup', 'refund', 'adjustment', 'writeoff');
