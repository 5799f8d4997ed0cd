/** What orders name: datasets, models, images and SSH keys. */
import { dataFileCommands } from "../data/data-files.ts";
import { fileText, namesOrNone, wholeNumber, words } from "../framework/arguments.ts";
import { needed, option, type Group } from "../framework/command.ts";
import { resource } from "../framework/resource.ts";
import { KEY_ADD } from "../ssh/key-add.ts";
import { LEFT_INSIDE } from "../ssh/left-inside.ts";

const pools = () =>
  option("--storage-pools <pools>", "pools that have the folder, a,b, or none (admins)", namesOrNone());

const mountable = (kind: "dataset" | "model", route: string): Group =>
  resource({
    kind,
    route,
    summary: `${kind}s that can be mounted`,
    columns: ["id", "name", "visibility", "status", "storage_path", "workspace_id"],
    create: {
      description: option("--description <text>", "what it holds", words()),
      visibility: option("--visibility <visibility>", "private, workspace or public", words()),
      workspace_id: option("--workspace <workspace>", "workspace it belongs to", wholeNumber(), {
        of: "workspace",
      }),
      storage_path: option("--storage-path <path>", "folder in the pool (admins)", words()),
      storage_pools: pools(),
    },
    update: {
      name: option("--name <name>", "another name", words()),
      description: option("--description <text>", "what it holds", words()),
      visibility: option("--visibility <visibility>", "private, workspace or public", words()),
      storage_path: option("--storage-path <path>", "folder in the pool (admins)", words()),
      storage_pools: pools(),
      status: option("--status <status>", "uploading, ready or error (admins)", words()),
    },
    ...dataFileCommands(kind),
  });

export const DATA: readonly Group[] = [
  mountable("dataset", "/datasets"),
  mountable("model", "/models"),
  resource({
    kind: "image",
    route: "/images",
    summary: "images that are offered",
    columns: ["id", "name", "display_name", "framework", "cuda_version", "status"],
    create: {
      display_name: option("--display-name <text>", "as people read it", words()),
      framework: option("--framework <name>", "what it is made for", words()),
      category: option("--category <name>", "where it is listed", words()),
    },
    update: {
      display_name: option("--display-name <text>", "as people read it", words()),
      status: option("--status <status>", "whether it is offered", words()),
    },
  }),
  resource({
    kind: "ssh-key",
    route: "/ssh-keys",
    summary: "SSH public keys",
    columns: ["id", "name", "fingerprint", "created_at"],
    create: { public_key: needed("--public-key <file>", "a .pub file", fileText()) },
    deletionAdvice: LEFT_INSIDE,
    more: [KEY_ADD],
  }),
];
