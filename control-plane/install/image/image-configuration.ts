/** What the image says of how it is run: as whom, which program, which folder is kept. */

/** The owner of the state folder; volumes that an operator prepares have to belong to it. */
export const USER_ID = 10_001;
export const USER_NAME = "remotegpu";
const STATE = "/var/lib/remotegpu-control-plane";

/** Instructions as a Dockerfile has them. */
export const imageConfiguration = [
  `USER ${USER_ID}:${USER_ID}`,
  `VOLUME ${STATE}`,
  "WORKDIR /usr/lib/remotegpu/control-plane",
  // As in the unit: young garbage is collected often, in small pieces.
  "ENV NODE_OPTIONS=--max-semi-space-size=1",
  'ENTRYPOINT ["/usr/bin/remotegpu-control-plane"]',
  'CMD ["run"]',
  "EXPOSE 8443 8444 8445",
  "STOPSIGNAL SIGTERM",
];
