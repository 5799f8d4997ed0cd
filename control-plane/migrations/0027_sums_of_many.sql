-- Sums over all customers, who may each have an amount as large as an amount can be.
ALTER TABLE hour_ticks ALTER COLUMN amount TYPE numeric(38,4);
ALTER TABLE invoice_closings ALTER COLUMN amount TYPE numeric(38,4);
