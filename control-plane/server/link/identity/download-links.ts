/** Makes links to files and knows its own again: they carry what they say and our mark, so every server takes them and none keeps them. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { derivedSecret } from "@remotegpu/shared/proof/derived-key";
import { z } from "zod";
import type { DownloadLinks } from "../../core/environments/download-links.ts";
import type { Operator } from "../servers/operator.ts";

const Claim = z.tuple([z.string(), z.string(), z.int(), z.int()]);

export function downloadLinks(operator: { key: Pick<Operator["key"], "getSeed"> }): DownloadLinks {
  const secret = derivedSecret(operator.key.getSeed(), "remotegpu links to files");
  const markOf = (text: string) => createHmac("sha256", secret).update(text).digest();
  return {
    make({ environmentId, path, apiKeyId, expiresMs }) {
      const claim = [environmentId, Buffer.from(path, "latin1").toString("base64url"), apiKeyId, expiresMs];
      const text = Buffer.from(JSON.stringify(claim)).toString("base64url");
      return `${text}.${markOf(text).toString("base64url")}`;
    },
    open(token) {
      const [text = "", mark = ""] = token.split(".");
      const given = Buffer.from(mark, "base64url");
      const wanted = markOf(text);
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
      const [environmentId, path, apiKeyId, expiresMs] = Claim.parse(
        JSON.parse(Buffer.from(text, "base64url").toString("utf8")),
      );
      return { environmentId, path: Buffer.from(path, "base64url").toString("latin1"), apiKeyId, expiresMs };
    },
  };
}
