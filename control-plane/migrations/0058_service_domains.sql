-- Below which domain a gateway has names of their own for inference services: whichever server is asked tells it.

ALTER TABLE gateways
  ADD COLUMN IF NOT EXISTS service_domain varchar(512);
