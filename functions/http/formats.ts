import { Failure } from "../errors.ts";
import { parsePreferences } from "./preferences.ts";

/** The media types of the formats, by their names in `?format=`, and what goes after them. */
const MEDIA_TYPES = {
  json: ["application/json", ""],
  csv: ["text/csv", "; charset=utf-8; header=present"],
  ndjson: ["application/x-ndjson", ""],
  protobuf: ["application/x-protobuf", ""],
} as const;

export type FormatName = keyof typeof MEDIA_TYPES;

export function mediaTypeOf(format: FormatName): string {
  return MEDIA_TYPES[format][0];
}

/** The value of Content-Type. */
export function contentTypeOf(format: FormatName): string {
  return MEDIA_TYPES[format].join("");
}

/** @throws Failure `unsupported_media_type` where what is sent is not said to be JSON */
export function requireJson(contentType: string | undefined): void {
  if (/^application\/json\s*(;|$)/i.test(contentType ?? "")) return;
  throw new Failure("unsupported_media_type", "What is sent is application/json", {
    parameter: "Content-Type",
  });
}

/**
 * The format that a client would rather have (RFC 9110, 12.5.1).
 * @param formats what there is; the first is for who does not care
 * @param accept the Accept header, if there is one
 * @throws Failure `not_acceptable` where it wants none that there is
 */
export function negotiate<Name extends FormatName>(
  formats: readonly Name[],
  accept: string | undefined,
): Name {
  const ranges = parsePreferences(accept) ?? [{ type: "*/*", q: 1 }];
  const qualityOf = (format: Name) => {
    const mediaType = mediaTypeOf(format);
    const [kind] = mediaType.split("/");
    const fitting = [mediaType, `${kind}/*`, "*/*"].map((type) =>
      ranges.find((range) => range.type.toLowerCase() === type),
    );
    // The most specific range decides.
    return fitting.find((range) => range !== undefined)?.q ?? 0;
  };
  const best = formats.reduce((one, other) => (qualityOf(other) > qualityOf(one) ? other : one));
  if (qualityOf(best) > 0) return best;
  const names = formats.map(mediaTypeOf).join(", ");
  throw new Failure("not_acceptable", `There is no such format; there are ${names}`, { parameter: "Accept" });
}
