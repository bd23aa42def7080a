import { fromBinary } from "@bufbuild/protobuf";
import { RequestSchema } from "../../gen/Qot_GetShortInterest_pb.js";

/** The calls are polled at this interval, in milliseconds. */
export const POLL_INTERVAL_MS = 100;
/** Maximum delay between the arrival of a call and its detection, in milliseconds. */
export const DETECTION_DELAY_MS = 3 * POLL_INTERVAL_MS;

/** A short-interest call that arrived at OpenD. */
export interface OpendCall {
  readonly symbol: string;
  readonly cursor: string;
  readonly num: number;
}

/** @param body hexadecimal text */
export function parseCall(body: string): OpendCall {
  const { c2s } = fromBinary(RequestSchema, Buffer.from(body, "hex"));
  const { market = 0, code = "" } = c2s?.security ?? {};
  return {
    symbol: `${market === 1 ? "HK" : "US"}.${code}`,
    cursor: c2s?.nextKey ?? "",
    num: c2s?.num ?? 0,
  };
}
