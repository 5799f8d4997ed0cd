-- Rows of runs and of their time are updated each minute that they run. With room for the next version on its own page
-- an update touches no index; without it, it adds an entry to each of the nine.
ALTER TABLE runs SET (fillfactor = 50);
ALTER TABLE run_time SET (fillfactor = 50);
