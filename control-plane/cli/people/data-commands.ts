/** What orders name: datasets, models, images and SSH keys. */
import { type ApiRequest, type Page, given } from "../../client/api-request.ts";
import {
  changeDataset,
  changeImage,
  changeModel,
  createDataset,
  createImage,
  createModel,
  createSshKey,
  deleteDataset,
  deleteImage,
  deleteModel,
  deleteSshKey,
  getDataset,
  getImage,
  getModel,
  getSshKey,
  listDatasets,
  listImages,
  listModels,
  listSshKeys,
} from "../../client/generated/api.ts";
import type {
  DataEntryChange,
  Dataset,
  ImageChange,
  Model,
  NewDataset,
} from "../../client/generated/api.schemas.ts";
import { dataFileCommands } from "../data/data-files.ts";
import { apiWord, fileText, namesOrNone, wholeNumber, words } from "../framework/arguments.ts";
import { argument, needed, option, resourceField, type Group } from "../framework/command.ts";
import { createCommand, resource, updateCommand } from "../framework/resource.ts";
import { KEY_ADD } from "../ssh/key-add.ts";
import { LEFT_INSIDE } from "../ssh/left-inside.ts";

const pools = () =>
  option("--storage-pools <pools>", "pools that have the folder, a,b, or none (admins)", namesOrNone());

const visibility = () =>
  option(
    "--visibility <visibility>",
    "private, workspace or public",
    apiWord<NonNullable<NewDataset["visibility"]>>(),
  );

/** The requests of datasets, or those of models, which are alike. */
interface DataRequests<One extends Dataset | Model> {
  list: () => ApiRequest<Page<One>>;
  get: (id: string) => ApiRequest<One>;
  create: (order: NewDataset) => ApiRequest<One>;
  change: (id: string, change: DataEntryChange) => ApiRequest<One>;
  delete: (id: string) => ApiRequest<void>;
}

const mountable = <One extends Dataset | Model>(
  kind: "dataset" | "model",
  { create, change, ...requests }: DataRequests<One>,
): Group =>
  resource<Dataset | Model>({
    kind,
    ...requests,
    summary: `${kind}s that can be mounted`,
    columns: ["id", "name", "visibility", "status", "storage_path", "workspace_id"],
    create: createCommand(
      kind,
      {
        name: argument("name", words()),
        description: option("--description <text>", "what it holds", words()),
        visibility: visibility(),
        workspace_id: option("--workspace <workspace>", "workspace it belongs to", wholeNumber(), {
          of: "workspace",
        }),
        storage_path: option("--storage-path <path>", "folder in the pool (admins)", words()),
        storage_pools: pools(),
      },
      (order) => create(given(order)),
    ),
    update: updateCommand(
      kind,
      {
        id: resourceField(kind, kind),
        name: option("--name <name>", "another name", words()),
        description: option("--description <text>", "what it holds", words()),
        visibility: visibility(),
        storage_path: option("--storage-path <path>", "folder in the pool (admins)", words()),
        storage_pools: pools(),
        status: option(
          "--status <status>",
          "uploading, ready or error (admins)",
          apiWord<NonNullable<DataEntryChange["status"]>>(),
        ),
      },
      ({ id, ...members }) => change(id, given(members)),
    ),
    ...dataFileCommands(kind),
  });

export const DATA: readonly Group[] = [
  mountable("dataset", {
    list: () => listDatasets(),
    get: getDataset,
    create: createDataset,
    change: changeDataset,
    delete: deleteDataset,
  }),
  mountable("model", {
    list: () => listModels(),
    get: getModel,
    create: createModel,
    change: changeModel,
    delete: deleteModel,
  }),
  resource({
    kind: "image",
    summary: "images that are offered",
    list: () => listImages(),
    get: getImage,
    delete: deleteImage,
    columns: ["id", "name", "display_name", "framework", "cuda_version", "status"],
    create: createCommand(
      "image",
      {
        name: argument("name", words()),
        display_name: option("--display-name <text>", "as people read it", words()),
        framework: option("--framework <name>", "what it is made for", words()),
        category: option("--category <name>", "where it is listed", words()),
      },
      (order) => createImage(given(order)),
    ),
    update: updateCommand(
      "image",
      {
        id: resourceField("image", "image"),
        display_name: option("--display-name <text>", "as people read it", words()),
        status: option(
          "--status <status>",
          "whether it is offered",
          apiWord<NonNullable<ImageChange["status"]>>(),
        ),
      },
      ({ id, ...change }) => changeImage(id, given(change)),
    ),
  }),
  resource({
    kind: "ssh-key",
    summary: "SSH public keys",
    list: () => listSshKeys(),
    get: getSshKey,
    delete: deleteSshKey,
    columns: ["id", "name", "fingerprint", "created_at"],
    create: createCommand(
      "ssh-key",
      {
        name: argument("name", words()),
        public_key: needed("--public-key <file>", "a .pub file", fileText()),
      },
      (key) => createSshKey(key),
    ),
    deletionAdvice: LEFT_INSIDE,
    more: [KEY_ADD],
  }),
];
