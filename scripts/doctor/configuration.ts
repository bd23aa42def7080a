import type { Config } from "../../functions/env.ts";
import { QUOTE_LICENSE } from "../../functions/openapi/quote-license.ts";
import { type Finding, ok, warning } from "./check.ts";

/**
 * Reports whether the service with these variables needs a key.
 * @param isPublicSet whether PUBLIC_ACCESS is set
 */
export function describeAccess({ auth }: Config, isPublicSet: boolean): Finding {
  if (!auth.apiKeys)
    return warning("the variables are valid; PUBLIC_ACCESS makes the service public", QUOTE_LICENSE);
  const message = `the variables are valid; a key is required (API_KEYS: ${auth.apiKeys.length})`;
  if (!isPublicSet) return ok(message);
  return warning(
    `${message}, although PUBLIC_ACCESS is set`,
    "Remove PUBLIC_ACCESS. Otherwise the service is public as soon as API_KEYS is removed.",
  );
}
