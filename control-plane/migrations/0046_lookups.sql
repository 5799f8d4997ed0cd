-- Indexes for what people look at: what was posted lately.

CREATE INDEX IF NOT EXISTS idx_ledger_transactions_at ON ledger_transactions (at);
