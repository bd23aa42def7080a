import { parseAccept } from "hono/utils/accept";

/** Browsers send fewer than 200 characters. Parsing 120,000 of them takes tens of milliseconds. */
const MAX_LENGTH = 1_024;

/** A media range or a language range, and its weight from 0 (not acceptable) to 1. */
export interface Preference {
  readonly type: string;
  readonly q: number;
}

/**
 * The ranges in an `Accept` or `Accept-Language` header, highest weight first; undefined without a header.
 * A header of more than 1,024 characters is ignored, which RFC 9110 (12.5.1, 12.5.4) permits for both.
 */
export function parsePreferences(header: string | undefined): readonly Preference[] | undefined {
  return header === undefined || header.length > MAX_LENGTH ? undefined : parseAccept(header);
}
