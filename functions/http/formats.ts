import { parseAccept } from "hono/utils/accept";
import { Failure } from "../failure.ts";
import { pageCsv } from "../short-interest/csv.ts";
import { pageJson, pageNdjson } from "../short-interest/json.ts";
import type { Page } from "../short-interest/page.ts";
import { pageProtobuf } from "../short-interest/protobuf.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";

/** A way to write a page down. */
export interface Format {
  readonly mediaType: string;
  /** Parameters of the media type. */
  readonly parameters?: string;
  readonly render: (symbol: SecuritySymbol, page: Page) => string | Uint8Array<ArrayBuffer>;
}

/** The formats of a page, by their names in `?format=`; the first is the one for who does not care. */
export const FORMATS = {
  json: { mediaType: "application/json", render: pageJson },
  csv: {
    mediaType: "text/csv",
    parameters: "; charset=utf-8; header=present",
    render: (_, page) => pageCsv(page),
  },
  ndjson: { mediaType: "application/x-ndjson", render: (_, page) => pageNdjson(page) },
  protobuf: { mediaType: "application/x-protobuf", render: (_, page) => pageProtobuf(page) },
} as const satisfies Record<string, Format>;

export type FormatName = keyof typeof FORMATS;

/**
 * The format that a client would rather have (RFC 9110, 12.5.1).
 * @param accept the Accept header, if there is one
 * @throws Failure `not_acceptable` where it wants none that there is
 */
export function negotiate(accept: string | undefined): Format {
  const formats: readonly Format[] = Object.values(FORMATS);
  const ranges = accept === undefined ? [{ type: "*/*", q: 1 }] : parseAccept(accept);
  const qualityOf = ({ mediaType }: Format) => {
    const [kind] = mediaType.split("/");
    const fitting = [mediaType, `${kind}/*`, "*/*"].map((type) =>
      ranges.find((range) => range.type.toLowerCase() === type),
    );
    // The most specific range decides.
    return fitting.find((range) => range !== undefined)?.q ?? 0;
  };
  const best = formats.reduce((one, other) => (qualityOf(other) > qualityOf(one) ? other : one));
  if (qualityOf(best) > 0) return best;
  const names = formats.map(({ mediaType }) => mediaType).join(", ");
  throw new Failure("not_acceptable", `There is no such format; there are ${names}`, { parameter: "Accept" });
}
