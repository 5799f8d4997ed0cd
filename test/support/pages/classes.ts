/** How each command of the pages is tried, and which ones cannot be, and why. Nothing else says so. */
/** What `npm start` and its end are typed by the test of npm start itself. */
export const START = "npm start";
export const CLEAN = "npm start -- --clean";

const DOCS = "control-plane/docs";
/** The tour, by which the owner of a fleet and a customer begin. */
export const TOUR = "README.md";
/** Its commands log the customer in whose key is typed. */
export const LOGIN = `${DOCS}/customers/command.md`;
/** Each goes on with what the pages before it have made. */
export const AS_CUSTOMER: readonly string[] = [
  "environments",
  "access",
  "ssh",
  "files",
  "logs",
  "training",
  "keys-and-workspaces",
  "money",
].map((page) => `${DOCS}/customers/${page}.md`);
/** Played afterwards, one list beside the other. */
export const AS_CUSTOMER_TOGETHER: readonly (readonly string[])[] = [
  ["datasets", "training-code"],
  ["services", "service-autoscaling", "service-versions", "service-requests", "service-traffic"],
].map((pages) => pages.map((page) => `${DOCS}/customers/${page}.md`));
export const AS_OWNER: readonly string[] = ["customers-and-prices", "hosts"].map(
  (page) => `${DOCS}/operators/${page}.md`,
);

/** Played on the system of `npm start`, in the order of each list, as whoever the pages are for. */
export const PLAYED_AFTER_START: readonly string[] = [
  TOUR,
  LOGIN,
  ...AS_CUSTOMER,
  ...AS_CUSTOMER_TOGETHER.flat(),
  ...AS_OWNER,
];

export const PRODUCTION = `${DOCS}/operators/production.md`;
/** Its database is one of the old system. */
export const OLD_SYSTEM_UPGRADE = `${DOCS}/operators/old-system-upgrade.md`;
/** Run on databases, and in folders, that are thrown away. */
export const RUN_BESIDE: readonly string[] = [PRODUCTION, OLD_SYSTEM_UPGRADE];

/** By how it begins. */
export const CANNOT_RUN: ReadonlyMap<string, string> = new Map([
  [
    "curl -fsS",
    "it joins or upgrades a host of a fleet: test/system/install.test.ts runs these lines as they are printed",
  ],
  [
    "sudo -u postgres psql",
    "it changes the settings of the operator's Postgres; test/system/ha changes those of its own",
  ],
  ["remotegpu-control-plane standby", "it needs a standby; test/system/ha runs it beside one"],
  ["systemctl", "it changes the services of its machine; the proof of whole machines does"],
  [
    "install -d -m 0700 /etc/remotegpu/credentials",
    "it makes a folder of root; the proof of whole machines does",
  ],
  [
    "install -m 0600 web.pem",
    "it copies the operator's own key; the proof of whole machines writes one there",
  ],
  ["rm -r /var/lib/postgresql", "it removes a database; test/system/ha does in a folder of its own"],
  ["sudo -u postgres pg_basebackup", "test/system/ha runs it with its own addresses and folders"],
  [
    "remotegpu-control-plane nats-config --server-name nats-1",
    "it needs certificates of the operator; test/system/ha has such a cluster on loopback",
  ],
  ["journalctl", "it reads the log of a machine with systemd"],
  [
    "(set -a; . /etc/remotegpu/agent.env",
    "it needs a host that has joined; the proof of whole machines has one",
  ],
  ["rm -r /etc/systemd", "it takes the agent off its machine; the proof of whole machines does"],
  ["apt-get", "it changes the packages of its machine"],
  ["npm run packages", "it takes half a minute, and the proof of whole machines builds with its script"],
  ["npm run image", "it fetches a system's packages, and the proof of the image builds with its script"],
  ["docker volume", "it makes a volume of its machine; the proof of the image runs on one"],
  ["docker run", "it needs a Postgres and a NATS of another machine; the proof of the image has them"],
  ["docker exec", "it needs the container of the command before; the proof of the image has it"],
  ["remotegpu-agent", "it joins a host of a fleet; the proof of whole machines does"],
  [
    "npx --no-install remotegpu-control-plane run",
    "it listens for other machines until it is ended; test/system/install.test.ts does",
  ],
  [
    "npx --no-install remotegpu-control-plane admin-key |",
    "it asks the server of the command before; test/system/install.test.ts does",
  ],
  ["install -d -o nats", "the user nats is there only with a service of NATS"],
  ["cp control-plane/systemd", "it changes the services of its machine; the proof of whole machines does"],
  ["git pull", "it changes the clone that is tried"],
  [
    "remotegpu-control-plane backup",
    "it writes to a place of its machine; test/integration/engines/backup.test.ts runs it",
  ],
  ["remotegpu-control-plane restore", "it needs a backup; test/integration/engines/backup.test.ts runs it"],
  [
    "remotegpu-control-plane config check",
    "it reads the settings of its machine; test/integration/engines/config-check.test.ts runs it",
  ],
  [
    "remotegpu customer identity-",
    "it needs an identity provider; test/integration/sign-on/device-login.test.ts runs it",
  ],
  ["openssl rand", "it writes the passphrase of its machine"],
  ["pg_dump", "it is a program of Postgres, which the product's own Postgres does not bring"],
]);

/** Of what these print, numbers are any: how long something ran, and what that costs. */
export const NUMBERS_VARY = [START, "ada record list", "ada proof"];

export function whyNot(command: string): string | undefined {
  return [...CANNOT_RUN].find(([beginning]) => command.startsWith(beginning))?.[1];
}
