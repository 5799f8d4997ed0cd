-- Reasons of leased ports and of what answers behind them, and of routes of gateways as data: a code and its parameters beside
-- the text, which stays as it is. Both are null where the reason came as a text, as from agents of before; a code of another
-- text counts for nothing.
ALTER TABLE lease_orders ADD COLUMN IF NOT EXISTS detail_code varchar(64), ADD COLUMN IF NOT EXISTS detail_params jsonb,
  ADD COLUMN IF NOT EXISTS answers_detail_code varchar(64), ADD COLUMN IF NOT EXISTS answers_detail_params jsonb;
ALTER TABLE gateway_routes ADD COLUMN IF NOT EXISTS detail_code varchar(64), ADD COLUMN IF NOT EXISTS detail_params jsonb;
