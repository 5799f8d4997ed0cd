-- The names of tables and columns before the files were folded, and those that the folded files give them. Applied once, to a
-- database that all of the files of folded.txt made.
ALTER TABLE gateway_ways RENAME TO gateway_routes;
ALTER TABLE gateway_routes RENAME COLUMN way TO route;
ALTER TABLE gateway_routes RENAME CONSTRAINT gateway_ways_pkey TO gateway_routes_pkey;
ALTER TABLE gateway_routes RENAME CONSTRAINT gateway_ways_way_check TO gateway_routes_route_check;
ALTER TABLE gateway_routes RENAME CONSTRAINT gateway_ways_gateway_id_fkey TO gateway_routes_gateway_id_fkey;
ALTER TABLE gateway_routes RENAME CONSTRAINT gateway_ways_host_id_fkey TO gateway_routes_host_id_fkey;
ALTER INDEX idx_gateway_ways_host RENAME TO idx_gateway_routes_host;

ALTER TABLE service_looks RENAME TO scaling_checks;
ALTER TABLE scaling_checks RENAME COLUMN looked_at TO checked_at;
ALTER TABLE scaling_checks RENAME COLUMN wish TO desired_replicas;
ALTER TABLE scaling_checks RENAME CONSTRAINT service_looks_pkey TO scaling_checks_pkey;
ALTER TABLE scaling_checks RENAME CONSTRAINT service_looks_counts_check TO scaling_checks_counts_check;
ALTER TABLE scaling_checks RENAME CONSTRAINT service_looks_wish_check TO scaling_checks_desired_replicas_check;
ALTER TABLE scaling_checks RENAME CONSTRAINT service_looks_service_id_fkey TO scaling_checks_service_id_fkey;

ALTER TABLE inference_services RENAME COLUMN wished_replicas TO desired_replicas;
ALTER TABLE inference_services RENAME COLUMN load_wish TO load_replicas;
ALTER TABLE inference_services
  RENAME CONSTRAINT inference_services_wished_replicas_check TO inference_services_desired_replicas_check;
ALTER TABLE inference_services RENAME CONSTRAINT inference_services_load_wish_check TO inference_services_load_replicas_check;

ALTER TABLE data_risks RENAME COLUMN told_day TO notified_day;
ALTER TABLE data_risks RENAME COLUMN told_at TO notified_at;
ALTER TABLE data_risks RENAME CONSTRAINT data_risks_told_day_check TO data_risks_notified_day_check;

ALTER TABLE access_sessions RENAME COLUMN first_told_at TO first_reported_at;
ALTER TABLE access_sessions RENAME COLUMN told_at TO reported_at;
ALTER TABLE access_attempts RENAME COLUMN told_at TO reported_at;
ALTER TABLE host_kernel_notes RENAME COLUMN told_at TO reported_at;
ALTER TABLE host_pulls RENAME COLUMN told_at TO reported_at;
ALTER TABLE instance_figures RENAME COLUMN told_at TO reported_at;
ALTER TABLE run_ends RENAME COLUMN told_at TO reported_at;
ALTER TABLE run_gpu_faults RENAME COLUMN told_at TO reported_at;
ALTER TABLE run_restarts RENAME COLUMN told_at TO reported_at;
ALTER TABLE idle_watches RENAME COLUMN looked_at TO checked_at;
ALTER TABLE idle_watches RENAME COLUMN cpu_told_at TO cpu_reported_at;
ALTER TABLE hosts RENAME COLUMN restore_shown_at TO restore_detected_at;
ALTER TABLE hosts RENAME COLUMN storage_asked_at TO storage_requested_at;

ALTER TABLE placements DROP CONSTRAINT placements_stall_check;
UPDATE placements SET stall = 'reported' WHERE stall = 'told';
ALTER TABLE placements ADD CONSTRAINT placements_stall_check CHECK (stall IN ('reported', 'ended'));
