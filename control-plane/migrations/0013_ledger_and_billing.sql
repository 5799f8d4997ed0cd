-- Money: specs and their prices, what each run is charged for, the ledger, the records of use, the hours that were charged,
-- and invoices: one per customer and month, made when the month is closed and never changed. Ledger and records are
-- append-only.

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

-- Judged at commit, since the transaction stands before its entries. Where there is one, its statement brought more.
CREATE OR REPLACE FUNCTION ledger_transaction_has_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM ledger_entries WHERE transaction_id = NEW.id) THEN
    RAISE EXCEPTION 'ledger transaction % has 0 entries, not two or more', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

-- Of an invoice only this may change: that it is paid, or overdue. One that is paid stays so.
CREATE OR REPLACE FUNCTION refuse_change_of_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.status = 'paid' AND NEW.status IS DISTINCT FROM 'paid'
     OR to_jsonb(OLD) - ARRAY['status', 'paid_at', 'updated_at'] <> to_jsonb(NEW) - ARRAY['status', 'paid_at', 'updated_at'] THEN
    RAISE EXCEPTION 'invoice % is issued: % is refused, a correction goes on a later one', OLD.invoice_no, TG_OP
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

-- The lock of a closing is taken once for a statement, before its first record: it makes the statement wait for a closing
-- that has begun, and lets the next one wait for it. What is closed is read after that.
CREATE OR REPLACE FUNCTION hold_invoice_closings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  LOCK TABLE invoice_closings IN ROW SHARE MODE;
  RETURN NULL;
END $$;

-- A record for a month that is closed goes on the first one that is open: whoever posted it has a slow clock, or came
-- just too late.
CREATE OR REPLACE FUNCTION put_on_open_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.invoice_month := greatest(NEW.invoice_month, (SELECT (max(month) + interval '1 month')::date FROM invoice_closings));
  RETURN NEW;
END $$;

CREATE TABLE IF NOT EXISTS specs (
  spec varchar(64) PRIMARY KEY,
  shape jsonb CHECK (jsonb_typeof(shape) = 'object'),
  description text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- From then on no new order may use it. What runs, and what waits already, goes on at its prices, which stay as they
  -- are; null while it is sold.
  retired_at timestamptz,
  -- Price lines at which nothing new starts. What runs goes on at their prices, which stay as they are.
  retired_lines text[] NOT NULL DEFAULT '{}'
);
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON specs FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- A price holds from effective_from until a later entry of the same spec and line.
CREATE TABLE IF NOT EXISTS prices (
  id bigserial PRIMARY KEY,
  spec varchar(64) NOT NULL,
  line varchar(160) NOT NULL,
  unit_price numeric(18,6) NOT NULL CHECK (unit_price >= 0),
  billing_unit varchar(20) NOT NULL CHECK (billing_unit IN ('minute', 'hour', 'day')),
  effective_from timestamptz NOT NULL,
  created_by bigint REFERENCES customers,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (spec, line, effective_from)
);
CREATE INDEX IF NOT EXISTS idx_prices_created_by ON prices (created_by);

-- What a run is charged for. Price and unit are null until the run's first proven millisecond freezes them.
CREATE TABLE IF NOT EXISTS run_lines (
  run_id varchar(64) NOT NULL REFERENCES runs,
  line varchar(160) NOT NULL,
  quantity numeric NOT NULL CHECK (quantity >= 0),
  unit_price numeric(18,6) CHECK (unit_price >= 0),
  billing_unit varchar(20) CHECK (billing_unit IN ('minute', 'hour', 'day')),
  PRIMARY KEY (run_id, line),
  CONSTRAINT run_lines_frozen_together CHECK ((unit_price IS NULL) = (billing_unit IS NULL))
);

-- (source_kind, source_id) names what caused the posting, so that the same cause posts once.
CREATE TABLE IF NOT EXISTS ledger_transactions (
  id bigserial PRIMARY KEY,
  source_kind varchar(32) NOT NULL,
  source_id varchar(160) NOT NULL,
  customer_id bigint REFERENCES customers,
  -- The run that is charged or refunded.
  run_id varchar(64) REFERENCES runs,
  reason text,
  actor varchar(160),
  at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (source_kind, source_id)
);
-- What moved an account since a moment.
CREATE INDEX IF NOT EXISTS idx_ledger_transactions_customer ON ledger_transactions (customer_id, at);
CREATE INDEX IF NOT EXISTS idx_ledger_transactions_run ON ledger_transactions (run_id);
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_transactions
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_transactions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
DROP TRIGGER IF EXISTS has_entries ON ledger_transactions;
CREATE CONSTRAINT TRIGGER has_entries AFTER INSERT ON ledger_transactions DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger_transaction_has_entries();
-- An index for what people read: what was posted lately.
CREATE INDEX IF NOT EXISTS idx_ledger_transactions_at ON ledger_transactions (at);
-- What people paid and were given back, found among all that was ever charged.
CREATE INDEX IF NOT EXISTS idx_ledger_transactions_payments ON ledger_transactions (customer_id, id)
  WHERE source_kind IN ('topup', 'refund', 'adjustment', 'writeoff');

-- A positive amount on the account 'customer' raises that customer's balance; the other side is negative.
CREATE TABLE IF NOT EXISTS ledger_entries (
  id bigserial PRIMARY KEY,
  transaction_id bigint NOT NULL REFERENCES ledger_transactions,
  account varchar(32) NOT NULL CHECK (account IN ('customer', 'cash', 'revenue', 'adjustment', 'writeoff')),
  customer_id bigint REFERENCES customers,
  amount numeric(20,4) NOT NULL,
  CONSTRAINT ledger_entries_customer_named CHECK (account <> 'customer' OR customer_id IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS idx_ledger_entries_transaction ON ledger_entries (transaction_id);
CREATE INDEX IF NOT EXISTS idx_ledger_entries_customer ON ledger_entries (customer_id);
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER sums_to_zero AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS new_entries
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_transaction_sums_to_zero();

-- One row per UTC hour that was charged, in order. Its sum is over all customers, who may each have an amount as large as
-- an amount can be.
CREATE TABLE IF NOT EXISTS hour_ticks (
  hour timestamptz PRIMARY KEY CHECK (mod(EXTRACT(epoch FROM hour), 3600) = 0),
  term bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  runs_charged int,
  amount numeric(38,4)
);

-- Which months are closed, and how far their invoices are. What is posted holds this table in ROW SHARE mode, and a
-- closing begins with EXCLUSIVE: nothing can be posted onto a month while it is closed, nor afterwards.
CREATE TABLE IF NOT EXISTS invoice_closings (
  month date PRIMARY KEY CHECK (EXTRACT(day FROM month) = 1),
  -- The full hour at which it was due.
  hour timestamptz NOT NULL,
  term bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  -- Invoices are made in the order of the customers' ids, so that their numbers follow from the records.
  last_customer_id bigint NOT NULL DEFAULT 0,
  invoices int NOT NULL DEFAULT 0,
  -- Over all customers, as that of hour_ticks.
  amount numeric(38,4) NOT NULL DEFAULT 0
);

-- What a customer used: the sums of the records that bear the invoice's month. Names are those of the time of use.
CREATE TABLE IF NOT EXISTS invoice_lines (
  invoice_id bigint NOT NULL REFERENCES invoices,
  number int NOT NULL CHECK (number >= 1),
  resource_type varchar(32) NOT NULL CHECK (resource_type IN ('environment', 'training', 'inference', 'storage', 'legacy')),
  resource_id varchar(64),
  resource_name varchar(256),
  workspace_id bigint,
  -- The member who ordered it; null for storage.
  ordered_by bigint,
  line varchar(160),
  usage_month date,
  minutes bigint,
  -- Null where they changed within the line.
  quantity numeric,
  unit_price numeric(18,6),
  billing_unit varchar(20) CHECK (billing_unit IN ('minute', 'hour', 'day')),
  amount numeric(20,4) NOT NULL,
  PRIMARY KEY (invoice_id, number)
);
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoice_lines
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON invoice_lines
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

-- What else moved the balance in the month: top-ups, refunds and adjustments, each ledger transaction once.
CREATE TABLE IF NOT EXISTS invoice_movements (
  invoice_id bigint NOT NULL REFERENCES invoices,
  transaction_id bigint NOT NULL UNIQUE REFERENCES ledger_transactions,
  kind varchar(32) NOT NULL,
  at timestamptz NOT NULL,
  amount numeric(20,4) NOT NULL,
  reason text,
  PRIMARY KEY (invoice_id, transaction_id)
);
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoice_movements
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON invoice_movements
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

ALTER TABLE billing_records
  DROP CONSTRAINT IF EXISTS billing_records_run_id_fkey,
  ADD CONSTRAINT billing_records_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs,
  DROP CONSTRAINT IF EXISTS billing_records_transaction_id_fkey,
  ADD CONSTRAINT billing_records_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES ledger_transactions;

ALTER TABLE invoices
  -- Null in invoices of the old system. The account's movements are those of the month by the ledger's time.
  ADD COLUMN IF NOT EXISTS invoice_month date,
  ADD COLUMN IF NOT EXISTS due numeric(20,4),
  ADD COLUMN IF NOT EXISTS opening_balance numeric(20,4),
  ADD COLUMN IF NOT EXISTS topups numeric(20,4),
  ADD COLUMN IF NOT EXISTS refunds numeric(20,4),
  ADD COLUMN IF NOT EXISTS adjustments numeric(20,4),
  ADD COLUMN IF NOT EXISTS charges numeric(20,4),
  ADD COLUMN IF NOT EXISTS closing_balance numeric(20,4),
  DROP CONSTRAINT IF EXISTS invoices_month_check,
  ADD CONSTRAINT invoices_month_check CHECK (EXTRACT(day FROM invoice_month) = 1),
  DROP CONSTRAINT IF EXISTS invoices_movements_add_up,
  ADD CONSTRAINT invoices_movements_add_up
    CHECK (closing_balance = opening_balance + topups + refunds + adjustments - charges);

-- The names of 0002 with the id behind: a page of records is then a stretch of one index, however many there are.
DROP INDEX IF EXISTS idx_billing_records_customer;
CREATE INDEX idx_billing_records_customer ON billing_records (customer_id, id);
DROP INDEX IF EXISTS idx_billing_records_workspace;
CREATE INDEX idx_billing_records_workspace ON billing_records (workspace_id, id);
DROP INDEX IF EXISTS idx_billing_records_resource;
CREATE INDEX idx_billing_records_resource ON billing_records (resource_id, id);
CREATE INDEX IF NOT EXISTS idx_billing_records_run ON billing_records (run_id, id);
CREATE INDEX IF NOT EXISTS idx_billing_records_transaction ON billing_records (transaction_id);
-- What a customer spent in a month, for the budget.
CREATE INDEX IF NOT EXISTS idx_billing_records_customer_month ON billing_records (customer_id, usage_month);
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing_records
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing_records
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
CREATE UNIQUE INDEX IF NOT EXISTS idx_invoices_customer_month ON invoices (customer_id, invoice_month)
  WHERE invoice_month IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_invoices_unpaid ON invoices (customer_id)
  WHERE invoice_month IS NOT NULL AND status IN ('pending', 'overdue');
CREATE OR REPLACE TRIGGER issued BEFORE UPDATE OR DELETE ON invoices
  FOR EACH ROW WHEN (OLD.invoice_month IS NOT NULL) EXECUTE FUNCTION refuse_change_of_invoice();
CREATE OR REPLACE TRIGGER holds_closings BEFORE INSERT ON billing_records
  FOR EACH STATEMENT EXECUTE FUNCTION hold_invoice_closings();
CREATE OR REPLACE TRIGGER on_open_invoice BEFORE INSERT ON billing_records
  FOR EACH ROW WHEN (NEW.invoice_month IS NOT NULL) EXECUTE FUNCTION put_on_open_invoice();
-- A month's records by customer, for its closing.
CREATE INDEX IF NOT EXISTS idx_billing_records_invoice ON billing_records (invoice_month, customer_id)
  WHERE invoice_month IS NOT NULL;
