-- Which of the addresses that hosts report are confirmed. Those of hosts that joined before are not, until a connection
-- of theirs is seen to come from there: meanwhile gateways reach them by what they dial themselves.

ALTER TABLE hosts
  -- From where its own connections came, the latest first, each in its one spelling.
  ADD COLUMN IF NOT EXISTS seen_addresses text[] NOT NULL DEFAULT '{}',
  -- The address that an administrator has confirmed; of another one that it reports later this says nothing.
  ADD COLUMN IF NOT EXISTS confirmed_address varchar(64),
  -- Boot and network namespace of the machine on which the operator has said that its agent runs there: only to
  -- processes with this very loopback is it on their machine.
  ADD COLUMN IF NOT EXISTS own_network varchar(128);

ALTER TABLE hosts DROP CONSTRAINT IF EXISTS hosts_seen_addresses;
ALTER TABLE hosts ADD CONSTRAINT hosts_seen_addresses CHECK (cardinality(seen_addresses) <= 4) NOT VALID;
