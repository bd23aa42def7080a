import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import type { FailureCode } from "../../functions/errors.ts";
import { failureOfLogin, failureOfLoginHeader, failureOfReply } from "../../functions/opend/errors.ts";
import { createPageSource } from "../../functions/page-source/create-page-source.ts";
import { FIRST_CURSOR } from "../../functions/short-interest/page.ts";
import { runPoller } from "../../functions/webhooks/jobs.ts";
import { connectAndLogIn } from "../opend-server/support.ts";
import { logLines } from "../support/log.ts";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";
import { makeStale } from "../support/stored-page.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const FREQUENCY = "Other programs have used up the rate limit of OpenD's account";
const UNKNOWN = "OpenD knows no such security, or has no short interest for it";
const KIND = "OpenD has no short interest for this kind of security";
const PERMISSION = "OpenD's account has no permission for quotes of this market";
const UNKNOWN_REASON = "OpenD refused the call (retType -1)";

/** The texts of real OpenDs, and texts that resemble them. */
const TEXTS: readonly (readonly [text: string, code: FailureCode, status: number, detail: string])[] = [
  [
    "Get Short Interest is too frequent, request failed, no more than 30 times every 30 seconds.",
    "upstream_quota_exceeded",
    429,
    FREQUENCY,
  ],
  [
    "Get Security Snapshot request failed due to high frequency. Maximum 60 times per 30 seconds.",
    "upstream_quota_exceeded",
    429,
    FREQUENCY,
  ],
  ["获取空头持仓频率太高，请求失败，每30秒最多10次。", "upstream_quota_exceeded", 429, FREQUENCY],
  ["Unknown stock. SQ", "unknown_symbol", 404, UNKNOWN],
  ["未知股票", "unknown_symbol", 404, UNKNOWN],
  [
    "Only HK and A-share stocks and funds are supported; other markets or security types are not supported.",
    "unknown_symbol",
    404,
    KIND,
  ],
  [
    "Only stocks, warrants, and funds are supported; other security types are not supported.",
    "unknown_symbol",
    404,
    KIND,
  ],
  ["US stock indices are not supported", "unknown_symbol", 404, KIND],
  ["该接口仅支持正股", "unknown_symbol", 404, KIND],
  [
    "US OTC market quote is not available for SSLZY",
    "unknown_symbol",
    404,
    "OpenD has no data of OTC securities",
  ],
  [
    "No permission to get quotes for US.AAPL. Please check US MarketOptions quote permissions.",
    "opend_no_permission",
    502,
    PERMISSION,
  ],
  [
    "Insufficient quote permission. Please go to the Quote Store to purchase a quote card.",
    "opend_no_permission",
    502,
    PERMISSION,
  ],
  ["行情权限不足", "opend_no_permission", 502, PERMISSION],
  ["无权限获取该行情", "opend_no_permission", 502, PERMISSION],
  ["NN_ProtoRet_TimeOut", "opend_timeout", 504, "OpenD's own server did not answer in time"],
  ["NN_ProtoRet_SvrFailed", "opend_failed", 502, "OpenD's own server failed"],
  [
    "NN_ProtoRet_ByDisConnOrCancel",
    "opend_unreachable",
    502,
    "OpenD has lost the connection to its own server",
  ],
  ["请求失败", "opend_failed", 502, UNKNOWN_REASON],
  ["a text that no pattern knows", "opend_failed", 502, UNKNOWN_REASON],
  ["", "opend_failed", 502, UNKNOWN_REASON],
];

const entries = (): Record<string, unknown>[] => logLines().map((line) => JSON.parse(line));

/** Expects that no part of a response has a text of OpenD. */
async function expectNoText(response: Response, text: string): Promise<void> {
  if (text === "") return;
  const headers = [...response.headers].join();
  expect(`${headers} ${decodeURIComponent(headers)} ${await response.clone().text()}`).not.toContain(text);
}

describe("refusal by OpenD", () => {
  it.each(TEXTS)("with the text '%s' is %s", async (refusal, code, status, detail) => {
    const service = await startService({ refusal });
    const response = await service.get("/v1/short-interest/US.AAPL");
    await expectNoText(response, refusal);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code, detail });
    expect(entries()).toMatchObject([{ code, status, opend: [{ ret_type: -1, text: refusal }] }]);
    // Also from the caches, and for several symbols.
    const later = await service.get("/v1/short-interest?symbols=US.AAPL");
    await expectNoText(later, refusal);
  });

  it.each([
    ["Unknown stock. NO PERMISSION INC", "unknown_symbol"],
    ["No permission to get quotes for US.UNKNOWN STOCK.", "opend_no_permission"],
    ["US OTC market quote is not available for UNKNOWN STOCK TRUST", "unknown_symbol"],
    ["FREQUENCY ELECTRONICS is suspended", "opend_failed"],
    ["UNKNOWN WORLDS is suspended", "opend_failed"],
    ["ONLY FUNDS INC is suspended", "opend_failed"],
    ["Get quotes of UNKNOWN STOCK is too frequent, request failed", "upstream_quota_exceeded"],
    ["Get short interest failed: unknown stock", "unknown_symbol"],
  ] as const)("with the name of a security in '%s' is %s", (text, code) => {
    expect(failureOfReply(-1, text).code).toBe(code);
  });

  it("of a retType with a meaning does not depend on the text", () => {
    expect(failureOfReply(-100, "Unknown stock. SQ").code).toBe("opend_timeout");
    expect(failureOfReply(-200, "Unknown stock. SQ").code).toBe("opend_unreachable");
  });

  it.each([
    ["Login failed: wrong key", "opend_key_refused"],
    ["登录失败，密钥错误", "opend_key_refused"],
    ["", "opend_key_refused"],
    ["Login failed", "opend_unreachable"],
    ["登录失败,网络异常，请稍后再试", "opend_unreachable"],
  ] as const)("of a login with the text '%s' is %s", (text, code) => {
    expect(failureOfLogin(-1, text).code).toBe(code);
    expect(failureOfLoginHeader(-1, text).code).toBe(code);
  });

  it("as a header error is in the log line with its text", async () => {
    const service = await startService({ fault: "header error 9" });
    const response = await service.get("/v1/short-interest/US.AAPL");
    await expectNoText(response, "internal text");
    expect(entries()).toMatchObject([{ code: "opend_failed", opend: [{ error: 9, text: "internal text" }] }]);
  });

  it("of the login is in the log lines of a page and of the readiness check", async () => {
    const API_KEYS = `me:${await sha256("key")}`;
    const service = await startService({ fault: "login: header error" }, { API_KEYS });
    for (const path of ["/v1/short-interest/US.AAPL", "/readyz"]) {
      await expectNoText(await service.get(path, { headers: { "X-API-Key": "key" } }), "key error");
    }
    const opend = [{ error: -1, text: "key error" }];
    expect(entries()).toMatchObject([{ code: "opend_key_refused", opend }, { opend }]);
  });

  it("of a refresh in the background is in the log line of the request that began it", async () => {
    const service = await startService();
    await service.get("/v1/short-interest/US.AAPL");
    await makeStale(service.upstash.redis, "US.AAPL");
    await service.opend.set({ refusal: "the text" });
    const context = createExecutionContext();
    const { default: worker } = await import("../../functions/index.ts");
    const request = new Request(`https://${crypto.randomUUID()}.test/v1/short-interest/US.AAPL`);
    const response = await worker.fetch(request, service.env, context);
    await waitOnExecutionContext(context);
    expect(response.status).toBe(200);
    await expectNoText(response, "the text");
    expect(entries()[1]).toMatchObject({ status: 200, opend: [{ ret_type: -1, text: "the text" }] });
    for (const name of ["page:US.AAPL/", "lease:US.AAPL/", "index:US.AAPL", "publication:US"]) {
      const value = await service.upstash.redis("GET", `short-interest:${name}`);
      expect(String(value)).not.toContain("the text");
    }
  });

  it("of coalesced requests is in the log line of each", async () => {
    const service = await startService({ refusal: "the text", delayMs: [100, 100] });
    await Promise.all([1, 2, 3].map(() => service.get("/v1/short-interest/US.AAPL")));
    const opend = [{ ret_type: -1, text: "the text" }];
    expect(entries()).toMatchObject([{ opend }, { opend }, { opend }]);
  });

  it("is in the log line of a request over OpenD's protocol, and not in the reply", async () => {
    const service = await startService({ refusal: "the text" });
    const client = await connectAndLogIn(service);
    const { retType, retMsg } = await client.page(client.sendCall("AAPL"));
    expect([retType, retMsg]).toEqual([-1, UNKNOWN_REASON]);
    await vi.waitFor(() =>
      expect(entries()[1]).toMatchObject({
        route: "Qot_GetShortInterest",
        opend: [{ ret_type: -1, text: "the text" }],
      }),
    );
  });

  it("is not in the result of an MCP tool", async () => {
    const service = await startService({ refusal: "the text" });
    const params = { name: "get_short_interest", arguments: { symbol: "US.AAPL" } };
    const response = await service.get("/mcp", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
    });
    await expectNoText(response, "the text");
    expect(await response.text()).toContain("opend_failed");
    expect(entries()).toMatchObject([{ opend: [{ ret_type: -1, text: "the text" }] }]);
  });

  it("of a poll is in the log line of the run", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await service.opend.set({ refusal: "the text" });
    await runPoller(service.env);
    expect(entries().at(-1)).toMatchObject({ route: "poller", opend: [{ ret_type: -1, text: "the text" }] });
  });

  it("has no key of OpenD in the log line", async () => {
    const key = "secret-of-opend";
    const service = await startService({ key, refusal: `key ${key} is\n\u202Ewrong` });
    await service.get("/v1/short-interest/US.AAPL");
    expect(entries()).toMatchObject([{ opend: [{ text: "key [redacted] iswrong" }] }]);
  });
});

describe("login that OpenD does not answer", () => {
  const RSA_KEY =
    "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcN\n-----END RSA PRIVATE KEY-----";
  const deadlines = {
    request: 3_000,
    connect: 1_000,
    login: 300,
    call: 1_000,
    upstash: 1_000,
    receiver: 1_000,
  };

  async function requestPage(options: { rsaPrivateKey?: string; fault?: string }, key?: string) {
    const service = await startService(options, key === undefined ? {} : { OPEND_RSA_PRIVATE_KEY: key });
    const context = createExecutionContext();
    const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
    const source = createPageSource(parseEnv(service.env), { waitUntil, client: "me", deadlines });
    const outcome = await source.page({ market: "US", code: "AAPL" }, FIRST_CURSOR, 10).then(
      () => "answered",
      (thrown: unknown) => thrown,
    );
    await waitOnExecutionContext(context);
    return { outcome, service };
  }

  it("is reported without a hint at whether the service has an RSA key", async () => {
    for (const [options, key] of [
      [{ rsaPrivateKey: RSA_KEY }],
      [{ fault: "silent after upgrade" }],
      [{ rsaPrivateKey: RSA_KEY }, `${RSA_KEY}x`],
    ] as const) {
      expect((await requestPage(options, key)).outcome).toMatchObject({
        code: "opend_timeout",
        detail: "OpenD accepted the connection but does not answer the login",
      });
    }
  });

  it("is answered with the RSA key, also if its line breaks are written as \\n", async () => {
    for (const key of [RSA_KEY, `${RSA_KEY.replaceAll("\n", "\\n")}\n`, RSA_KEY.replaceAll("\n", "\r\n")]) {
      const { outcome, service } = await requestPage({ rsaPrivateKey: RSA_KEY }, key);
      expect(outcome).toBe("answered");
      const { logins } = await service.opend.stats();
      expect(logins).toEqual([{ clientID: "short-interest", rsaPrivateKey: RSA_KEY }]);
    }
  });
});
