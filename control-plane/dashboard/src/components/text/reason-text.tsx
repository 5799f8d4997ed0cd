/** A reason that an answer of the API has in a field, with its code and parameters in the two beside it. */
import { ServerText } from "./server-text.tsx";

type Params = Readonly<Record<string, unknown>> | null;

/** `status_reason` with `status_reason_code` and `status_reason_params`, say. */
export type WithReason<Field extends string> = Readonly<Record<Field | `${Field}_code`, string | null>> &
  Readonly<Record<`${Field}_params`, Params>>;

interface ReasonTextOf<Field extends string> {
  of: WithReason<Field>;
  field: Field;
}

export function ReasonText<Field extends string>({ of, field }: ReasonTextOf<Field>) {
  const texts: Readonly<Record<Field | `${Field}_code`, string | null>> = of;
  const params: Readonly<Record<`${Field}_params`, Params>> = of;
  return (
    <ServerText code={texts[`${field}_code`]} params={params[`${field}_params`]}>
      {texts[field]}
    </ServerText>
  );
}
