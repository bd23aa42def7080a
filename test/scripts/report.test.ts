import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import type { OpendOptions } from "../stand-ins/opend.ts";
import { REFUSALS } from "../stand-ins/opend-faults.ts";
import { reportOn } from "../support/opend-report.ts";

const wrongReply = (symbol: string, reply: "empty" | "wrong kind") => ({
  wrongReplies: [{ symbol, reply, missing: 0, times: 9 }],
});

describe.concurrent("report on OpenD", () => {
  it("confirms all assumptions with 8 calls if OpenD is as documented", async () => {
    const { report, stats, contradicted, notSeen } = await reportOn({});
    expect([contradicted, notSeen]).toEqual([[], []]);
    expect(report.assumptions.length).toBeGreaterThan(15);
    expect(stats.calls).toBe(8);
    expect(report).toMatchObject({
      date: "2026-05-12",
      login: "succeeded",
      keep_alive: "answered",
      version: { version: 1011, build: 7108 },
      logged_in_for_quotes: true,
    });
    expect(report.calls.map(({ call, symbol, num }) => `${symbol} ${num} ${call}`)).toEqual([
      "HK.00700 50 first page",
      "US.AAPL 50 first page",
      "HK.00700 10 next page",
      "HK.00700 10 between two rows",
      "HK.00700 10 invented cursor",
      "HK.99999 50 first page",
      "HK.02800 50 first page",
      "US.KLAR 50 first page",
    ]);
    expect(report.calls[0]?.page).toEqual({
      rows: 50,
      rows_of_other_market: 0,
      newest: "2026-04-30",
      oldest: "2025-05-23",
      days_between_rows: { 5: 1, 6: 2, 7: 44, 8: 1, 9: 1 },
      next_key: "timestamp of the last row",
      absent_fields: {},
    });
    expect(report.calls[5]?.refusal).toEqual({
      code: "unknown_symbol",
      ret_type: -1,
      header_error: undefined,
      text: REFUSALS.unknownStock,
    });
  });

  it.each<[string, OpendOptions, readonly string[]]>([
    ["opaque cursors", { cursors: "opaque" }, ["next-key", "between-rows"]],
    ["cursors bound to num", { cursors: "bound" }, ["next-key", "any-num", "between-rows"]],
    ["page numbers", { cursors: "page number" }, ["next-key", "any-num", "between-rows"]],
    ["offset cursors", { cursors: "offset" }, ["next-key", "between-rows"]],
    ["tolerated invented cursors", { toleratesCursors: true }, ["invented-cursor"]],
    ["an empty end key", { endKey: "empty" }, ["end-key"]],
    ["no end key", { endKey: "absent" }, ["end-key"]],
    ["monthly rows", { isMonthly: true }, ["hk-weekly", "us-half-monthly"]],
    ["missing fields", { missingFields: ["closePrice", "daysToCover"] }, ["all-fields"]],
    ["missing dates", { missingFields: ["timestampStr"] }, ["timestamp", "all-fields"]],
    ["refusals in English", { isEnglish: true }, ["chinese-refusals"]],
    ["unknown refusals", { unknownRefusal: "无此代码" }, ["known-refusals"]],
    ["an empty page for a made-up code", { hasEmptyUnknown: true }, ["no-empty-page"]],
    ["an empty page for a stock", wrongReply("US.AAPL", "empty"), ["no-empty-page"]],
    ["refused funds", wrongReply("HK.02800", "wrong kind"), ["funds"]],
    ["short pages", { shortBy: 3 }, ["full-pages"]],
    ["late rows", { unpublished: 4 }, ["hk-calendar", "us-calendar"]],
    ["header errors", { fault: "header error 9" }, ["refusal-in-body"]],
  ])("contradicts with %s exactly the assumptions about them", async (_, options, expected) => {
    const { contradicted, stats } = await reportOn(options);
    expect(contradicted).toEqual(expected);
    expect(stats.calls).toBeLessThanOrEqual(8);
  });

  it("contradicts the calendars if rows appear before the calendar expects them", async () => {
    const { contradicted, evidenceOf } = await reportOn({}, { now: Date.UTC(2026, 4, 5) });
    expect(contradicted).toEqual(["hk-calendar", "us-calendar"]);
    expect(evidenceOf("us-calendar")).toBe(
      "the newest row is 2026-04-30, expected on 2026-05-11, and the next one is expected on 2026-05-27",
    );
  });

  it("contradicts with rows of another market the assumption about their list", async () => {
    const { contradicted } = await reportOn({ fault: "wrong market" });
    expect(contradicted).toContain("market-list");
  });

  it("has the fields that are absent, by number of rows", async () => {
    const { report, evidenceOf } = await reportOn({ missingFields: ["closePrice", "daysToCover"] });
    expect(report.calls[1]?.page?.absent_fields).toEqual({ days_to_cover: 50, close_price: 50 });
    expect(evidenceOf("all-fields")).toContain("HK.00700: absent of 50 rows: close_price in 50");
  });

  it("has the exact texts and numbers of refusals and header errors", async () => {
    const { evidenceOf } = await reportOn({ isEnglish: true });
    expect(evidenceOf("chinese-refusals")).toBe('HK.99999: "Unknown stock. SQ"');
    const { report } = await reportOn({ fault: "header error 9" });
    expect(report.calls[0]?.refusal).toMatchObject({
      code: "opend_failed",
      header_error: 9,
      text: "internal text",
    });
  });

  it("asks the US stock for more if the account has rights for the US only", async () => {
    const { report, stats, contradicted, notSeen } = await reportOn({ deniedMarket: "HK" });
    expect(report.calls.map(({ symbol, call }) => `${symbol} ${call}`).slice(2, 6)).toEqual([
      "US.AAPL next page",
      "US.AAPL between two rows",
      "US.AAPL invented cursor",
      "US.ZZZZ9 first page",
    ]);
    expect([stats.calls, contradicted, notSeen]).toEqual([8, [], ["hk-weekly", "hk-calendar", "funds"]]);
    expect(report.calls[0]?.refusal?.text).toBe(REFUSALS.noPermission);
  });

  it("stops at OpenD's refusal of a call because of the frequency", async () => {
    const { report, stats, contradicted, notSeen } = await reportOn({ limit: 2 });
    expect([stats.calls, contradicted]).toEqual([3, []]);
    expect(report.calls[2]?.refusal?.text).toBe(REFUSALS.frequency);
    expect(notSeen).toEqual(
      expect.arrayContaining(["any-num", "between-rows", "invented-cursor", "end-key", "funds"]),
    );
    // OpenD answers other commands nevertheless.
    expect(report.version).toEqual({ version: 1011, build: 7108 });
  });

  it("stops if the service's own rate limit grants no permit", async () => {
    let permits = 3;
    const { report, stats, notSeen } = await reportOn(
      {},
      {
        withPermit: async (call) => {
          permits -= 1;
          if (permits >= 0) return call();
          throw new Failure("upstream_quota_exceeded", "used up");
        },
      },
    );
    expect([stats.calls, report.calls.length]).toEqual([3, 3]);
    expect(notSeen).toContain("between-rows");
  });

  it("stops if OpenD drops the connection", async () => {
    const { report, contradicted } = await reportOn({ fault: "drop" });
    expect(report.calls.map(({ refusal }) => refusal)).toEqual([{ code: "opend_unreachable" }]);
    expect([contradicted, report.version]).toEqual([[], "not seen"]);
  });

  it("has OpenD's text if the login is refused", async () => {
    const { report, stats, contradicted } = await reportOn({ loginRefusal: "登录失败,网络异常，请稍后再试" });
    expect(report.login).toMatchObject({ ret_type: -1, text: "登录失败,网络异常，请稍后再试" });
    expect([stats.calls, contradicted]).toEqual([0, []]);
  });

  it("has the difference of OpenD's clock", async () => {
    const seconds = Math.round(Date.now() / 1_000 - Date.UTC(2026, 4, 12) / 1_000);
    const { report } = await reportOn({ clockAheadS: 90 - seconds });
    expect(Math.abs((report.clock_ahead_s ?? 0) - 90)).toBeLessThanOrEqual(5);
  });
});
