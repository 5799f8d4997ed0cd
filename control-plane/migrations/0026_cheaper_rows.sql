-- What ingest and charges pay for each row, made less where what it guards stays guarded.

-- A row of a journal is written by whoever holds that journal's row, in one transaction with the signed head of its
-- batch. The head's foreign key stays, so a journal that rows came from cannot go; asking the same for each row was
-- most of what a row costs beside its own writing.
ALTER TABLE usage_rows DROP CONSTRAINT IF EXISTS usage_rows_host_id_journal_id_fkey;

-- One statement brings all entries of a ledger transaction, two or more, and they sum to zero. As each statement adds
-- nothing to any sum, every sum is zero at all times: judged once for a statement, not for each row, and not at commit.
CREATE OR REPLACE FUNCTION ledger_transaction_sums_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong record;
BEGIN
  SELECT transaction_id, sum(amount) AS total, count(*) AS entries INTO wrong
    FROM new_entries GROUP BY transaction_id HAVING sum(amount) <> 0 OR count(*) < 2 ORDER BY transaction_id LIMIT 1;
  IF wrong.total <> 0 THEN
    RAISE EXCEPTION 'ledger transaction % sums to %, not to zero', wrong.transaction_id, wrong.total
      USING ERRCODE = 'check_violation';
  ELSIF wrong.entries < 2 THEN
    RAISE EXCEPTION 'ledger transaction % has % entries, not two or more', wrong.transaction_id, wrong.entries
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS sums_to_zero ON ledger_entries;
CREATE TRIGGER sums_to_zero AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS new_entries
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_transaction_sums_to_zero();

-- Judged at commit, since the transaction stands before its entries. Where there is one, its statement brought more.
CREATE OR REPLACE FUNCTION ledger_transaction_has_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM ledger_entries WHERE transaction_id = NEW.id) THEN
    RAISE EXCEPTION 'ledger transaction % has 0 entries, not two or more', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

-- The lock of a closing is taken once for a statement, before its first record; what is closed is asked after that.
CREATE OR REPLACE FUNCTION hold_invoice_closings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  LOCK TABLE invoice_closings IN ROW SHARE MODE;
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER holds_closings BEFORE INSERT ON billing_records
  FOR EACH STATEMENT EXECUTE FUNCTION hold_invoice_closings();
CREATE OR REPLACE FUNCTION put_on_open_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.invoice_month := greatest(NEW.invoice_month, (SELECT (max(month) + interval '1 month')::date FROM invoice_closings));
  RETURN NEW;
END $$;
