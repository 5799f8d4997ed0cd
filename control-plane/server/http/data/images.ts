/** The images on offer: everybody reads them and may order them, administrators keep the list. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/text";
import {
  deleteImage,
  imageById,
  insertImage,
  listImages,
  updateImage,
  type ImageRow,
} from "../../store/hosts/images/images.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { ImageReference, Int53 } from "../request/input-fields.ts";
import { conflict, notFound } from "../request/refusal.ts";
import { NUMBERED, registerResource } from "../request/resource.ts";
import { created, forAdmins, jsonBody, NumericIdPath, ok, Timestamp } from "../request/route.ts";

const tags = ["images"];
const Status = z.enum(["active", "deprecated"]);

const fields = {
  display_name: displayText(256).nullable().optional(),
  category: displayText(64).nullable().optional(),
  framework: displayText(64).nullable().optional(),
  framework_version: displayText(64).nullable().optional(),
  cuda_version: displayText(32).nullable().optional(),
  python_version: displayText(32).nullable().optional(),
  is_official: z.boolean().optional(),
  size: Int53.nullable().optional(),
  registry_url: displayText(512).nullable().optional(),
  status: Status.optional(),
};

const NewImage = z.strictObject({ name: ImageReference, ...fields }).openapi("NewImage");
const ImageChange = z.strictObject(fields).openapi("ImageChange");

const Image = z
  .object({
    id: z.int(),
    name: z.string(),
    display_name: z.string().nullable(),
    category: z.string().nullable(),
    framework: z.string().nullable(),
    framework_version: z.string().nullable(),
    cuda_version: z.string().nullable(),
    python_version: z.string().nullable(),
    is_official: z.boolean(),
    size: z.int().nullable(),
    registry_url: z.string().nullable(),
    status: z.string(),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp.nullable(),
  })
  .openapi("Image");

const post = createRoute({
  ...forAdmins,
  method: "post",
  path: "/images",
  tags,
  summary: "Offer an image",
  description:
    "While it is active everybody may order it, by any spelling of its name and whatever its registry; and it is used as it is on a host where somebody put it by hand.",
  request: { body: jsonBody(NewImage) },
  responses: created("The image", Image),
});

const patch = createRoute({
  ...forAdmins,
  method: "patch",
  path: "/images/{id}",
  tags,
  summary: "Describe an image anew",
  request: { params: NumericIdPath, body: jsonBody(ImageChange) },
  responses: ok("The image", Image),
});

export function registerImageRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  registerResource(api, {
    path: "/images",
    tags,
    ids: NUMBERED,
    Answer: Image,
    answer: imageAnswer,
    list: {
      summary: "The images on offer",
      answers: "A page of images",
      filters: {
        status: Status.optional(),
        category: displayText(64).optional(),
        framework: displayText(64).optional(),
      },
      rows: (_c, page, { status = null, category = null, framework = null }) =>
        listImages(db, { status, category, framework, page }),
    },
    get: {
      summary: "One image",
      answers: "The image",
      find: async (_c, id) => found(await imageById(db, id), id),
    },
    remove: {
      access: forAdmins,
      summary: "Offer it no longer; workloads that use it go on",
      end: async (c, id) => {
        if (!(await deleteImage(c.var.deps.db, id)))
          throw notFound({ code: "named-image", params: { image_id: id } });
      },
    },
  });

  api.openapi(post, async (c) => {
    const { name, ...rest } = c.req.valid("json");
    return await once(c, async (sql) => {
      const row = await insertImage(sql, name, rest);
      if (row === null) throw conflict({ code: "image-offered", params: { name } });
      return c.json(imageAnswer(row), 201);
    });
  });

  api.openapi(patch, async (c) => {
    const { id } = c.req.valid("param");
    return c.json(imageAnswer(found(await updateImage(c.var.deps.db, id, c.req.valid("json")), id)), 200);
  });
}

function found(row: ImageRow | null, id: number): ImageRow {
  if (row === null) throw notFound({ code: "named-image", params: { image_id: id } });
  return row;
}

function imageAnswer(row: ImageRow) {
  return {
    ...row,
    created_at: row.created_at?.toISOString() ?? null,
    updated_at: row.updated_at?.toISOString() ?? null,
  };
}
