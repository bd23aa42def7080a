import { create, fromBinary, isFieldSet, toBinary } from "@bufbuild/protobuf";
import { QotMarket } from "../../gen/Qot_Common_pb.js";
import { RequestSchema, type Response, ResponseSchema, type S2C } from "../../gen/Qot_GetShortInterest_pb.js";
import { Failure } from "../errors.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import { failureOfReply } from "./errors.ts";

/** The command of Qot_GetShortInterest. */
export const GET_SHORT_INTEREST = 3249;

const MARKETS = { HK: QotMarket.QotMarket_HK_Security, US: QotMarket.QotMarket_US_Security } as const;

/** A request for one page. */
export interface PageRequest {
  readonly symbol: SecuritySymbol;
  /** A `nextKey` of OpenD, or `FIRST_CURSOR`. */
  readonly cursor: string;
  /** Requested rows, 1 to 50. */
  readonly num: number;
}

/** The body of the call. */
export function encodePageRequest({ symbol, cursor, num }: PageRequest): Uint8Array {
  const c2s = {
    security: { market: MARKETS[symbol.market], code: symbol.code },
    ...(cursor === FIRST_CURSOR ? {} : { nextKey: cursor }),
    num,
  };
  return toBinary(RequestSchema, create(RequestSchema, { c2s }));
}

/**
 * Decodes the body of a reply.
 * @throws Failure `opend_protocol_error` if it cannot be decoded or has no content; for a refusal, the failure that
 *   `errors.ts` maps it to: `unknown_symbol`, `upstream_quota_exceeded`, …
 */
export function parsePageReply(reply: Uint8Array): S2C {
  const response = parseResponse(reply);
  if (!isFieldSet(response, ResponseSchema.field.retType)) {
    throw new Failure("opend_protocol_error", "OpenD's reply states no result");
  }
  if (response.retType !== 0) throw failureOfReply(response.retType, response.retMsg);
  if (response.s2c === undefined) {
    throw new Failure("opend_protocol_error", "OpenD's reply states success but has no content");
  }
  return response.s2c;
}

function parseResponse(reply: Uint8Array): Response {
  try {
    return fromBinary(ResponseSchema, reply);
  } catch {
    // The parser's message quotes bytes of the reply.
    throw new Failure("opend_protocol_error", "Cannot decode OpenD's reply");
  }
}
