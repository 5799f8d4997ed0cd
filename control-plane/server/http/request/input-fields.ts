/** Fields that several bodies or queries share. Every text is storable, every number bounded, money is text until it is parsed. */
import { z } from "@hono/zod-openapi";
import { inputFailure } from "./input-failure.ts";
import { IMAGE_NAME } from "@remotegpu/shared/values/image-name";
import {
  formatDecimal,
  MAX_POINTS,
  parseDecimal,
  parsePoints,
  parsePrice,
  POINTS_DECIMALS,
  PRICE_DECIMALS,
} from "@remotegpu/shared/values/money";
import { NO_CONTROL_CHARACTER, text } from "@remotegpu/shared/values/text";

/** The length of a decimal as text: more than any column holds, and no more than the parser takes. */
const MAX_DECIMAL_LENGTH = 30;
/** numeric(18,6) holds 12 digits before the point. */
const MAX_PRICE = 10n ** 18n - 1n;

/** A plain decimal that its column holds; whatever is beyond that is told with the limit. */
function decimal({ decimals, most, example }: { decimals: number; most: bigint; example: string }) {
  const maximum = formatDecimal(most, decimals);
  const isWithin = (count: bigint) => count <= most && -count <= most;
  return z
    .string()
    .max(
      MAX_DECIMAL_LENGTH,
      inputFailure({ code: "decimal-too-long", params: { maximum, max_characters: MAX_DECIMAL_LENGTH } }),
    )
    .refine(
      (value) => parses(() => typeof parseDecimal(value, decimals) === "bigint"),
      inputFailure({ code: "decimal-malformed", params: { example, max_decimals: decimals } }),
    )
    .refine(
      (value) => parses(() => isWithin(parseDecimal(value, decimals))),
      inputFailure({ code: "decimal-too-large", params: { maximum } }),
    );
}

/** A plain decimal with at most 4 decimals that numeric(20,4) holds. */
export const Amount = decimal({ decimals: POINTS_DECIMALS, most: MAX_POINTS, example: "12.5" }).openapi({
  type: "string",
  example: "100.0000",
});

export const PositiveAmount = Amount.refine(
  (value) => parses(() => parsePoints(value) > 0n),
  inputFailure("amount-not-positive"),
);

export const NotNegativeAmount = Amount.refine(
  (value) => parses(() => parsePoints(value) >= 0n),
  inputFailure("amount-negative"),
);

export const UnitPrice = decimal({ decimals: PRICE_DECIMALS, most: MAX_PRICE, example: "3.5" })
  .refine((value) => parses(() => parsePrice(value) >= 0n), inputFailure("amount-negative"))
  .openapi({ type: "string", example: "3.500000" });

/** Free text for people: storable, but with line breaks. */
export const Description = text(4000);

/** Whole numbers that an INT column holds. */
export const Int32 = z.int().nonnegative().max(2_147_483_647);
/** Whole numbers that JSON and a BIGINT column both hold exactly. */
export const Int53 = z.int().nonnegative();

/** The id of a row with a bigserial key, in a body. */
export const RowId = z.int().positive();

/** A whole number from 0 on, in a query. */
export function queryNumber(most: number) {
  return z
    .string()
    .regex(/^[0-9]{1,5}$/, inputFailure("number-not-whole"))
    .transform(Number)
    .pipe(z.int().max(most))
    .optional()
    .openapi({ type: "integer", minimum: 0, maximum: most });
}

/** The parsers throw RangeError on what is not a decimal; here that is an answer. */
function parses(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** An image as a runtime takes it: registry, path, tag or digest, or an image id. No blanks, nothing a shell would see. */
export const ImageReference = z
  .string()
  .min(1)
  .max(256)
  .regex(
    IMAGE_NAME,
    inputFailure({ code: "image-reference-malformed", params: { example: "registry.example/name:tag" } }),
  );

/** A name that may stand in a path, a label and a command line as it is. */
export const PlainName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, inputFailure("plain-name-malformed"));

export const SpecName = PlainName.openapi({ example: "default" });

/** `gpu:<model>` carries the model as nvidia-smi names it, blanks included. */
export const PriceLine = text(160)
  .regex(
    new RegExp(`^(spec|cpu|memory|gpu|gpu_memory|temp_storage|storage|gpu:${NO_CONTROL_CHARACTER}{1,128})$`),
    inputFailure("price-line-unknown"),
  )
  .openapi({ example: "gpu" });

/** In a query. */
export const WholeText = z
  .string()
  .regex(/^[0-9]{1,15}$/, inputFailure("number-not-whole"))
  .transform(Number)
  .openapi({ type: "integer", minimum: 0 });
