import * as v from "valibot";
import { Failure } from "../failure.ts";

/** How much of a parameter's name is said back. */
const LONGEST_NAME = 64;

/** The values of a parameter that may stand once. */
export const once = (problem: string) => v.pipe(v.array(v.string()), v.maxLength(1, problem));

/**
 * Checks a query. Parameters that the schema does not have are refused, so that a misspelt one is noticed.
 * @throws Failure `invalid_parameter`, which names the parameter
 */
export function parseQuery<const Schema extends v.GenericSchema>(
  schema: Schema,
  queries: Record<string, string[]>,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, queries, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Failure("invalid_parameter", issue.message, {
    parameter: (v.getDotPath(issue) ?? "query").slice(0, LONGEST_NAME),
  });
}
