-- What hosts tell so that placement can choose well: which cards are joined by NVLink, and which images are there.

-- Cards of a host with the same number are joined; null where the host could not tell.
ALTER TABLE gpus ADD COLUMN IF NOT EXISTS nvlink_island int;

-- Names and ids of images. Apart from hosts, whose rows every heartbeat writes anew, with all that stands in them.
CREATE TABLE IF NOT EXISTS host_images (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts ON DELETE CASCADE,
  images varchar(256)[] NOT NULL CHECK (cardinality(images) <= 200)
);
