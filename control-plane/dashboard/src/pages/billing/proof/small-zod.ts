/**
 * What stands in the page for zod, which the proof's document is written with: in zod's usual form each text knows every
 * format there is and its JSON schema, which is more than all else of the verifier. This is zod's other form, of which
 * nothing is bundled that nobody calls, with the methods that the document uses.
 */
import * as zod from "zod/mini";
import english from "zod/v4/locales/en.js";

type Schema = zod.ZodMiniType<never, never>;

const isNumber = ({ def }: Schema) => def.type === "number";

zod.config(english());
// Each schema that is made from here on has them.
Object.assign(zod.ZodMiniType.prototype, {
  nullable(this: Schema) {
    return zod.nullable(this);
  },
  refine(this: Schema, holds: (value: never) => boolean, why: string) {
    return this.check(zod.refine(holds, why));
  },
  regex(this: Schema, pattern: RegExp, why?: string) {
    return this.check(zod.regex(pattern, why));
  },
  min(this: Schema, least: number) {
    return this.check(isNumber(this) ? zod.gte(least) : zod.minLength(least));
  },
  max(this: Schema, most: number) {
    return this.check(isNumber(this) ? zod.lte(most) : zod.maxLength(most));
  },
  positive(this: Schema) {
    return this.check(zod.positive());
  },
  nonnegative(this: Schema) {
    return this.check(zod.nonnegative());
  },
});

export * as z from "zod/mini";
