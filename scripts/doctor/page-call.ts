import { Failure, QUOTA_CODES } from "../../functions/errors.ts";
import type { OpendSession } from "../../functions/opend/session.ts";
import {
  encodePageRequest,
  GET_SHORT_INTEREST,
  type PageRequest,
  parsePageReply,
} from "../../functions/opend/short-interest.ts";
import type { S2C } from "../../gen/Qot_GetShortInterest_pb.js";

/** Acquires a permit and makes a call with it. */
export type WithPermit = <T>(call: () => Promise<T>) => Promise<T>;

/** Calls one page with a permit. Returns a failure, and never throws one. */
export type CallPage = (request: PageRequest) => Promise<S2C | Failure>;

export function createCallPage({ call }: OpendSession, withPermit: WithPermit): CallPage {
  const { signal } = new AbortController();
  return (request) =>
    withPermit(async () => parse(await call(GET_SHORT_INTEREST, encodePageRequest(request), signal))).catch(
      Failure.from,
    );
}

/** Whether no call was made, because the service's own rate limiter granted no permit. */
export function isOwnLimit({ code, opendReply }: Failure): boolean {
  return QUOTA_CODES.has(code) && opendReply === undefined;
}

/** The same, or because the rate limiter did not answer. */
export function hasNoPermit(failure: Failure): boolean {
  return isOwnLimit(failure) || failure.code === "store_unavailable";
}

/** A refusal is a value: it is a reply, so its permit is settled. */
function parse(reply: Uint8Array): S2C | Failure {
  try {
    return parsePageReply(reply);
  } catch (thrown) {
    return Failure.from(thrown);
  }
}
