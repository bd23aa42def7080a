import { fromBinary } from "@bufbuild/protobuf";
import { RequestSchema } from "../../gen/Qot_GetShortInterest_pb.js";

/** The calls are looked at this often, in milliseconds. */
export const LOOK_MS = 100;
/** A call that arrived just before a border in time may be seen only after it, within this time. */
export const BORDER_MS = 3 * LOOK_MS;

/** A short-interest call, as it reached OpenD. */
export interface Call {
  readonly symbol: string;
  readonly cursor: string;
  readonly num: number;
}

/** @param body hexadecimal */
export function readCall(body: string): Call {
  const { c2s } = fromBinary(RequestSchema, Buffer.from(body, "hex"));
  const { market = 0, code = "" } = c2s?.security ?? {};
  return {
    symbol: `${market === 1 ? "HK" : "US"}.${code}`,
    cursor: c2s?.nextKey ?? "",
    num: c2s?.num ?? 0,
  };
}
