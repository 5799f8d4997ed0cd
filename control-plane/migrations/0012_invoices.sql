-- Invoices: one per customer and month, made when the month is closed and never changed.

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

-- Null in invoices of the old system. The account's movements are those of the month by the ledger's time.
ALTER TABLE invoices
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
CREATE UNIQUE INDEX IF NOT EXISTS idx_invoices_customer_month ON invoices (customer_id, invoice_month)
  WHERE invoice_month IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_invoices_unpaid ON invoices (customer_id)
  WHERE invoice_month IS NOT NULL AND status IN ('pending', 'overdue');

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

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoice_lines
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON invoice_lines
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoice_movements
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON invoice_movements
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

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
CREATE OR REPLACE TRIGGER issued BEFORE UPDATE OR DELETE ON invoices
  FOR EACH ROW WHEN (OLD.invoice_month IS NOT NULL) EXECUTE FUNCTION refuse_change_of_invoice();

-- The lock of a closing is taken once for a statement, before its first record: it makes the statement wait for a closing
-- that has begun, and lets the next one wait for it. What is closed is asked after that.
CREATE OR REPLACE FUNCTION hold_invoice_closings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  LOCK TABLE invoice_closings IN ROW SHARE MODE;
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER holds_closings BEFORE INSERT ON billing_records
  FOR EACH STATEMENT EXECUTE FUNCTION hold_invoice_closings();

-- A record for a month that is closed goes on the first one that is open: whoever posted it has a slow clock, or came
-- just too late.
CREATE OR REPLACE FUNCTION put_on_open_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.invoice_month := greatest(NEW.invoice_month, (SELECT (max(month) + interval '1 month')::date FROM invoice_closings));
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER on_open_invoice BEFORE INSERT ON billing_records
  FOR EACH ROW WHEN (NEW.invoice_month IS NOT NULL) EXECUTE FUNCTION put_on_open_invoice();

-- A month's records by customer, for its closing.
CREATE INDEX IF NOT EXISTS idx_billing_records_invoice ON billing_records (invoice_month, customer_id)
  WHERE invoice_month IS NOT NULL;
