/** What the API says is wrong with a field, in the reader's language, one after the other. */
import { Fragment } from "react";
import type { FieldError } from "../../api/client.ts";
import { ServerText } from "./server-text.tsx";

export function FieldErrors({ errors }: { errors: readonly FieldError[] }) {
  return errors.map(({ path, message, code, params }, nth) => (
    <Fragment key={`${path} ${message}`}>
      {nth > 0 && "; "}
      <ServerText code={code} params={params}>
        {message}
      </ServerText>
    </Fragment>
  ));
}
