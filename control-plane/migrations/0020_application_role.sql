-- What protects the books beyond rights: rows of hosts' journals stay as they came, for whoever owns the tables, too,
-- and a ledger transaction cannot be left without its entries. The role itself, and what it may do, belong to the
-- cluster and to every migration, not to this file: see src/store/application-role.

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON usage_rows
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON usage_rows
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

-- Judged at commit, when all entries of the transaction are there.
CREATE OR REPLACE FUNCTION ledger_transaction_has_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entries int;
BEGIN
  SELECT count(*) INTO entries FROM ledger_entries WHERE transaction_id = NEW.id;
  IF entries < 2 THEN
    RAISE EXCEPTION 'ledger transaction % has % entries, not two or more', NEW.id, entries USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS has_entries ON ledger_transactions;
CREATE CONSTRAINT TRIGGER has_entries AFTER INSERT ON ledger_transactions DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger_transaction_has_entries();
