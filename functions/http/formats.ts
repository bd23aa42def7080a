import { Failure } from "../errors.ts";
import { parsePreferences } from "./preferences.ts";

/** The media type of each `?format=`, and the parameters that follow it in Content-Type. */
const MEDIA_TYPES = {
  json: ["application/json", ""],
  csv: ["text/csv", "; charset=utf-8; header=present"],
  ndjson: ["application/x-ndjson", ""],
  protobuf: ["application/x-protobuf", ""],
} as const;

export type FormatName = keyof typeof MEDIA_TYPES;

/** The formats of a page and of a history. The first is the default; the order decides between equal Accept weights. */
export const PAGE_FORMATS = ["json", "csv", "ndjson", "protobuf"] as const;
export const SERIES_FORMATS = ["json", "csv", "ndjson"] as const;

export function mediaTypeOf(format: FormatName): string {
  return MEDIA_TYPES[format][0];
}

/** The value of Content-Type. */
export function contentTypeOf(format: FormatName): string {
  return MEDIA_TYPES[format].join("");
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
  const ranges = parsePreferences(accept) ?? [{ type: "*/*", q: 1 }];
  const qualityOf = (format: Name) => {
    const mediaType = mediaTypeOf(format);
    const [kind] = mediaType.split("/");
    const matching = [mediaType, `${kind}/*`, "*/*"].map((type) =>
      ranges.find((range) => range.type.toLowerCase() === type),
    );
    // The most specific range decides.
    return matching.find((range) => range !== undefined)?.q ?? 0;
  };
  const best = formats.reduce((previous, format) =>
    qualityOf(format) > qualityOf(previous) ? format : previous,
  );
  if (qualityOf(best) > 0) return best;
  const names = formats.map(mediaTypeOf).join(", ");
  throw new Failure("not_acceptable", `Accept matches none of ${names}`, {
    parameter: "Accept",
  });
}
