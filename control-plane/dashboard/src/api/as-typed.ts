/**
 * Queries and bodies as people typed them: each member is what the API takes, or the text that stands in a field or in the
 * address. What is no value of the API goes as it is, and the API names the member; what is empty is left out.
 */

type AsTyped<Members> = { [Name in keyof Members]?: Members[Name] | string | null | undefined };

/** The members' names are the API's; their values are what was typed. */
export function asTyped<Members>(typed: AsTyped<NoInfer<Members>>): Members {
  const given = Object.entries(typed ?? {}).filter(
    ([, value]) => value !== "" && value !== null && value !== undefined,
  );
  return Object.fromEntries(given) as Members;
}
