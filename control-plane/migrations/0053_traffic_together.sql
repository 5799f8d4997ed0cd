-- Rows of single gateways, which are put together once they are some days old: among all others there are few of them.

CREATE INDEX IF NOT EXISTS idx_service_traffic_gateways ON service_traffic (minute) WHERE gateway <> 'all';
