import { Failure } from "../errors.ts";
import { type Preference, parsePreferences } from "./preferences.ts";

/** The media types of each `?format=`: the usual one first, then other names of it that clients may ask for. */
const MEDIA_TYPES = {
  json: ["application/json"],
  csv: ["text/csv"],
  ndjson: ["application/x-ndjson"],
  // The second one is older than the registration of the first.
  protobuf: ["application/protobuf", "application/x-protobuf"],
} as const;
/** The parameters that follow a media type in Content-Type. */
const CONTENT_PARAMETERS: Readonly<Partial<Record<FormatName, string>>> = {
  csv: "; charset=utf-8; header=present",
};

export type FormatName = keyof typeof MEDIA_TYPES;

/** The formats of a page and of a history. The first is the default; the order decides between equal Accept weights. */
export const PAGE_FORMATS = ["json", "csv", "ndjson", "protobuf"] as const;
export const SERIES_FORMATS = ["json", "csv", "ndjson"] as const;

/** The media types that name a format, the usual one first. */
export function mediaTypesOf(format: FormatName): readonly [string, ...string[]] {
  return MEDIA_TYPES[format];
}

/**
 * The value of Content-Type.
 * @param accept the Accept header: it decides between the names of a format
 */
export function contentTypeOf(format: FormatName, accept: string | undefined): string {
  const ranges = rangesOf(accept);
  const [usual, ...others] = MEDIA_TYPES[format];
  const preferred = others.reduce<string>(
    (best, type) => (qualityOf(type, ranges) > qualityOf(best, ranges) ? type : best),
    usual,
  );
  return preferred + (CONTENT_PARAMETERS[format] ?? "");
}

/** @throws Failure `unsupported_media_type` if the Content-Type of a request is not JSON */
export function requireJson(contentType: string | undefined): void {
  if (/^application\/json\s*(;|$)/i.test(contentType ?? "")) return;
  throw new Failure("unsupported_media_type", "Content-Type must be application/json", {
    parameter: "Content-Type",
  });
}

/**
 * The format that a client prefers (RFC 9110, 12.5.1).
 * @param formats the available formats; the first is the default
 * @param accept the Accept header
 * @throws Failure `not_acceptable` if the header accepts none of the formats
 */
export function negotiate<Name extends FormatName>(
  formats: readonly Name[],
  accept: string | undefined,
): Name {
  const ranges = rangesOf(accept);
  const weightOf = (format: Name) =>
    Math.max(...mediaTypesOf(format).map((mediaType) => qualityOf(mediaType, ranges)));
  const best = formats.reduce((previous, format) =>
    weightOf(format) > weightOf(previous) ? format : previous,
  );
  if (weightOf(best) > 0) return best;
  const names = formats.flatMap(mediaTypesOf).join(", ");
  throw new Failure("not_acceptable", `Accept matches none of ${names}`, {
    parameter: "Accept",
  });
}

function rangesOf(accept: string | undefined): readonly Preference[] {
  return parsePreferences(accept) ?? [{ type: "*/*", q: 1 }];
}

/** The weight of a media type in an Accept header, 0 to 1. */
function qualityOf(mediaType: string, ranges: readonly Preference[]): number {
  const [kind] = mediaType.split("/");
  const matching = [mediaType, `${kind}/*`, "*/*"].map((type) =>
    ranges.find((range) => range.type.toLowerCase() === type),
  );
  // The most specific range decides.
  return matching.find((range) => range !== undefined)?.q ?? 0;
}
