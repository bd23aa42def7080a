import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { failureOfHeader, failureOfReply } from "../../functions/opend/errors.ts";
import type { Market } from "../../functions/short-interest/symbol.ts";
import { S2CSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import { CURSOR_ASSUMPTIONS } from "../../scripts/doctor/report/cursor-assumptions.ts";
import { type Kind, type Observation, OTHER_NUM } from "../../scripts/doctor/report/questions.ts";
import { REFUSAL_ASSUMPTIONS } from "../../scripts/doctor/report/refusal-assumptions.ts";

const DAY_S = 86_400;
const NEWEST = 1_777_478_400;
const UNKNOWN_STOCK = "未知股票";

/** A page whose rows are so many days older than the newest row. */
function page(market: Market, days: readonly number[], nextKey = "-1") {
  const rows = days.map((day) => ({ timestamp: BigInt(NEWEST - day * DAY_S) }));
  return create(S2CSchema, market === "HK" ? { hkItemList: rows, nextKey } : { usItemList: rows, nextKey });
}

const observation = (kind: Kind, answer: Observation["answer"], market: Market = "HK"): Observation => ({
  question: { kind, subject: "stock", symbol: { market, code: "00700" }, cursor: "", num: OTHER_NUM },
  answer,
});

/** The verdict of an assumption on these answers. */
function judge(id: string, observations: readonly Observation[]) {
  const assumption = [...CURSOR_ASSUMPTIONS, ...REFUSAL_ASSUMPTIONS].find((each) => each.id === id);
  if (!assumption) throw new Error(`${id} is an assumption`);
  const describe = ({ code, opendReply }: Failure) => ({
    code,
    ret_type: opendReply?.retType,
    header_error: opendReply?.error,
    text: opendReply?.text,
  });
  return assumption.judge({
    observations,
    describe,
    now: NEWEST * 1_000,
    serverTime: undefined,
    answersKeepAlive: undefined,
  }).status;
}

describe("assumption refusal-in-body", () => {
  it.each([
    ["a page", page("HK", [0, 7]), "not seen"],
    ["a timeout without a reply", new Failure("opend_timeout", "no reply"), "not seen"],
    ["a refusal with a retType", failureOfReply(-1, UNKNOWN_STOCK), "confirmed"],
    ["a header error", failureOfHeader(9, "text"), "contradicted"],
  ])("on %s is judged", (_, answer, status) => {
    expect(judge("refusal-in-body", [observation("first page", answer)])).toBe(status);
  });
});

describe.each([
  ["invented-cursor", "invented cursor", "confirmed"],
  ["any-num", "next page", "contradicted"],
  ["between-rows", "between two rows", "contradicted"],
] as const)("assumption %s", (id, kind, refused) => {
  it.each([
    ["a refusal with a retType", failureOfReply(-1, "nextKey"), refused],
    ["a header error", failureOfHeader(9, "text"), "not seen"],
    ["a failure of OpenD's own server", failureOfReply(-1, "NN_ProtoRet_SvrFailed"), "not seen"],
    ["a timeout without a reply", new Failure("opend_timeout", "no reply"), "not seen"],
  ])("on %s is judged", (_, answer, status) => {
    const first = observation("first page", page("HK", [0, 7], "7"));
    expect(judge(id, [first, observation(kind, answer)])).toBe(status);
  });
});

describe("assumption any-num", () => {
  it.each<[string, Market, number, string]>([
    ["a week after the last row of Hong Kong", "HK", 7, "confirmed"],
    ["10 days after the last row of Hong Kong", "HK", 10, "confirmed"],
    ["11 days after the last row of Hong Kong", "HK", 11, "not seen"],
    ["2 days after the last row of Hong Kong", "HK", 2, "not seen"],
    ["16 days after the last row of the US", "US", 16, "confirmed"],
    ["7 days after the last row of the US", "US", 7, "not seen"],
    ["31 days after the last row of the US", "US", 31, "not seen"],
    ["at the last row", "HK", 0, "contradicted"],
    ["before the last row", "HK", -7, "contradicted"],
  ])("on rows that begin %s is judged", (_, market, days, status) => {
    // A gap of 60 days in the first page does not widen the range.
    const first = observation("first page", page(market, [0, 60], "60"), market);
    const next = observation("next page", page(market, [60 + days]), market);
    expect(judge("any-num", [first, next])).toBe(status);
  });
});

describe("assumption known-refusals", () => {
  it.each([
    ["a known text", failureOfReply(-1, UNKNOWN_STOCK), "confirmed"],
    ["an unknown text", failureOfReply(-1, "no such thing"), "contradicted"],
    ["a failure of OpenD's own server", failureOfReply(-1, "NN_ProtoRet_SvrFailed"), "not seen"],
  ])("on %s is judged", (_, answer, status) => {
    expect(judge("known-refusals", [observation("first page", answer)])).toBe(status);
  });
});

describe("assumption no-empty-page", () => {
  it.each<[Kind, string]>([
    ["first page", "confirmed"],
    ["invented cursor", "not seen"],
    ["next page", "not seen"],
  ])("on an unknown stock as the answer to a %s is judged", (kind, status) => {
    expect(judge("no-empty-page", [observation(kind, failureOfReply(-1, UNKNOWN_STOCK))])).toBe(status);
  });
});
