import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OpendOptions } from "../stand-ins/opend.ts";
import { reportOn } from "../support/opend-report.ts";

const characters = (text: string) => fc.constantFrom(...text);
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const textOf = (from: string, minLength: number, maxLength: number) =>
  fc.string({ unit: characters(from), minLength, maxLength });
const label = textOf(LETTERS + LETTERS.toUpperCase(), 8, 12);
const host = fc.oneof(
  label,
  fc.tuple(label, label, textOf(LETTERS, 2, 3)).map((labels) => labels.join(".")),
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
);
const key = textOf(`${LETTERS}${LETTERS.toUpperCase()}0123456789-_`, 12, 40);
const account = fc.bigInt({ min: 100_000n, max: 2n ** 64n - 1n }).map(String);
const port = fc.integer({ min: 1_024, max: 65_535 });

const RSA_KEY = (body: string) => `-----BEGIN RSA PRIVATE KEY-----\n${body}\n-----END RSA PRIVATE KEY-----`;

const secrets = fc.record({
  opendKey: key,
  token: key,
  clientId: key,
  clientSecret: key,
  rsaBody: textOf(`${LETTERS}${LETTERS.toUpperCase()}0123456789+/`, 64, 64),
  opendHost: host,
  otherHost: fc.tuple(label, label, textOf(LETTERS, 2, 3)).map((labels) => labels.join(".")),
  ip: fc.oneof(fc.ipV4(), fc.ipV6()),
  account,
  email: fc.tuple(label, label).map(([name, domain]) => `${name}@${domain}.com`),
  port,
});
type Secrets = typeof secrets extends fc.Arbitrary<infer Value> ? Value : never;

/** Texts of OpenD with secrets, in sentences and in a row. */
function leakyTextOf(parts: readonly string[], glue: string): string {
  return `Unknown stock. ${parts.join(glue)}`;
}

const places: ((text: string) => OpendOptions)[] = [
  (text) => ({ refusal: text }),
  (text) => ({ unknownRefusal: text }),
  (text) => ({ loginRefusal: text }),
];

function partsOf(all: Secrets): readonly string[] {
  const { opendKey, token, clientId, clientSecret, rsaBody, opendHost, otherHost, ip, account, email } = all;
  const url = `wss://${opendHost}:${all.port}/${otherHost}`;
  return [opendKey, token, clientId, clientSecret, rsaBody, opendHost, otherHost, ip, account, email, url];
}

describe("report on an OpenD whose texts have secrets", () => {
  it("has no key, address, host name or account", async () => {
    await fc.assert(
      fc.asyncProperty(
        secrets,
        fc.constantFrom(...places),
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { minLength: 1 }),
        fc.constantFrom(" ", ", ", "\n", " 用户 ", "（", "：", " \u200b", "\u0007 "),
        async (all, place, chosen, glue) => {
          const parts = partsOf(all);
          const text = leakyTextOf(
            chosen.map((index) => parts[index] ?? ""),
            glue,
          );
          const vars = {
            OPEND_URL: `wss://${all.opendHost}:${all.port}`,
            OPEND_KEY: all.opendKey,
            OPEND_RSA_PRIVATE_KEY: RSA_KEY(all.rsaBody),
            OPEND_ACCESS_CLIENT_ID: all.clientId,
            OPEND_ACCESS_CLIENT_SECRET: all.clientSecret,
            UPSTASH_REDIS_REST_URL: `https://${all.otherHost}`,
            UPSTASH_REDIS_REST_TOKEN: all.token,
          };
          const { report, stats } = await reportOn({ key: all.opendKey, ...place(text) }, { vars });
          expect(stats.calls).toBeLessThanOrEqual(8);
          const written = JSON.stringify(report).toLowerCase();
          for (const part of parts) expect(written).not.toContain(part.toLowerCase());
          expect(written).not.toContain(all.opendHost.replace(/^\[|\]$/g, "").toLowerCase());
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);

  it.each([
    ["No permission to get quotes for US.AAPL. Please check US MarketOptions quote permissions."],
    ["Insufficient quote permission. Please go to the Quote Store to purchase a quote card."],
    ["Only stocks, warrants, and funds are supported; other security types are not supported."],
    ["Get short interest is too frequent, request failed, no more than 30 times every 30 seconds."],
    ["获取空头持仓频率太高，请求失败，每30秒最多30次。"],
    ["NN_ProtoRet_ByDisConnOrCancel"],
    ["US OTC market quote is not available for SSLZY"],
    ["Unknown stock. 99999"],
    ["Unknown stock. HK.00700"],
    ["Try again at 12:30"],
  ])("keeps the harmless text %s", async (text) => {
    const { report } = await reportOn({ refusal: text });
    expect(report.calls[0]?.refusal?.text).toBe(text);
  });

  it.each([
    ["a URL", "see wss://bare:pw@otherhost/path now", "see [redacted] now"],
    ["an e-mail address", "mail to my-name@example.com", "mail to [redacted]"],
    ["a telephone number", "SMS to +852 6123 4567", "SMS to [redacted]"],
    ["an unknown key", "secret qwErTy1uIoPasDfGhJkLzX", "secret [redacted]"],
    ["a digest", "digest 5f4dcc3b", "digest [redacted]"],
  ])("does not show %s that the service does not know", async (_, refusal, text) => {
    const { report } = await reportOn({ refusal });
    expect(report.calls[0]?.refusal?.text).toBe(text);
  });

  it.each([
    ["a masked account", "account 12****89 is locked", "account [redacted] is locked"],
    ["a short account", "account 12345 is locked", "account [redacted] is locked"],
    ["a host name with a port", "lost nas-2:33333 now", "lost [redacted] now"],
    ["a user in a path of Windows", "open C:\\Users\\Jane Doe\\OpenD.xml", "open C:[redacted]\\[redacted]"],
    ["a user in a path of Linux", "open /home/jane/.opend", "open [redacted]/.opend"],
    ["a user in a path of macOS", "open /Users/jane", "open [redacted]"],
  ])("does not show %s", async (_, refusal, text) => {
    const { report } = await reportOn({ refusal });
    expect(report.calls[0]?.refusal?.text).toBe(text);
  });

  it.each([
    ["beginning", "wrong secret-of-o here"],
    ["upper case", "wrong SECRET-OF-OPEND here"],
  ])("does not show the %s of a key within a text", async (_, refusal) => {
    const { report } = await reportOn({ key: "secret-of-opend", refusal });
    expect(report.calls[0]?.refusal?.text).toBe("wrong [redacted] here");
  });

  it.each([
    ["key", "abcdef123456ghijkl", "abcdef12345"],
    ["host name", "opendatmyhome", "opendatmyho"],
  ])("does not show the beginning of a %s that OpenD has cut", async (_, secret, cut) => {
    const vars = { OPEND_URL: `ws://${secret}:33333`, OPEND_KEY: secret };
    const { report } = await reportOn({ key: secret, refusal: `for ${cut}` }, { vars });
    expect(report.calls[0]?.refusal?.text).toBe("for [redacted]");
  });

  it("does not show the beginning of an account that the header has cut", async () => {
    const { report } = await reportOn({ fault: "header error with an account" });
    expect(report.calls[0]?.refusal?.text).toBe("user [redacted]");
  });
});
