-- Where a host's access process takes connections of our gateways; null while that is closed, or not known.
ALTER TABLE hosts ADD COLUMN IF NOT EXISTS gateway_port int;
