import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { operatorTextOf } from "../../functions/opend/operator-text.ts";

const URL_OF_OPEND = new URL("ws://127.0.0.1:33333");
const textOf = (text: string, secrets: object = {}) =>
  operatorTextOf(new Failure("opend_failed", "detail", { opendReply: { retType: -1, text } }), {
    url: URL_OF_OPEND,
    ...secrets,
  })?.text ?? "";

const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;
const anyText = fc.string({ unit: "binary", maxLength: 300 });
/** A key that is no part of the word that replaces it. */
const secret = fc.string({ minLength: 1, maxLength: 64 }).filter((key) => !/^[[\]a-z]+$/.test(key));

describe("text of OpenD for the operator", () => {
  it("is the text itself, with retType or header error", () => {
    const failure = new Failure("opend_failed", "detail", { opendReply: { error: 3, text: "未知股票 😀" } });
    expect(operatorTextOf(failure, { url: URL_OF_OPEND })).toEqual({ error: 3, text: "未知股票 😀" });
    expect(operatorTextOf(new Failure("opend_failed", "detail"), { url: URL_OF_OPEND })).toBeUndefined();
  });

  it("has no control character, and 200 characters at most", () => {
    fc.assert(
      fc.property(anyText, fc.nat(250), (text, repeat) => {
        const result = textOf("a".repeat(repeat) + text);
        expect(result.length).toBeLessThanOrEqual(200);
        expect(result).not.toMatch(FORBIDDEN);
      }),
    );
    expect(textOf("a\u0000\u001b[31m\u0085\u2028\u2029\u202e\u2066\u200f\u061cb\r\nc")).toBe("a[31mbc");
  });

  it("is not cut within a surrogate pair", () => {
    expect(textOf(`${"x".repeat(199)}😀`)).toBe("x".repeat(199));
    expect(textOf(`${"x".repeat(198)}😀`)).toBe(`${"x".repeat(198)}😀`);
  });

  it("has no key, wherever it stands and however it is cut", () => {
    fc.assert(
      fc.property(secret, anyText, anyText, (key, before, after) => {
        const visible = key.replace(new RegExp(FORBIDDEN, "gu"), "");
        fc.pre(visible !== "" && !"[redacted]".includes(visible));
        // Neighbors of a replaced text might spell the key with it.
        fc.pre(!/[[\]]/.test(visible));
        for (const text of [`${before}${key}${after}`, key, `${key}${key}`]) {
          expect(textOf(text, { key })).not.toContain(visible);
          expect(textOf(text, { accessToken: { clientId: "id", clientSecret: key } })).not.toContain(visible);
        }
      }),
    );
  });

  it("has no beginning of a key at its end, where OpenD may have cut it", () => {
    expect(textOf("wrong key: correct-horse-bat", { key: "correct-horse-battery" })).toBe(
      "wrong key: [redacted]",
    );
  });

  it("has no beginning of a key from 6 characters on, wherever it stands", () => {
    const key = "correct-horse-battery";
    expect(textOf("keys correct-horse, correc and corre.", { key })).toBe(
      "keys [redacted], [redacted] and corre.",
    );
    fc.assert(
      fc.property(fc.integer({ min: 6, max: key.length }), anyText, (length, text) => {
        const beginning = key.slice(0, length);
        expect(textOf(`${text}${beginning}${text}`, { key })).not.toContain(beginning);
      }),
    );
  });

  it("has no key in another case", () => {
    const key = "Correct-Hörse";
    for (const text of ["correct-hörse", "CORRECT-HÖRSE", "cORRECT-h"]) {
      expect(textOf(`a ${text} b`, { key })).toBe("a [redacted] b");
    }
  });

  it("has no MD5 of a key", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{32}$/), anyText, (md5, text) => {
        for (const digest of [md5, md5.toUpperCase()])
          expect(textOf(`${text}${digest}${text}`)).not.toContain(digest);
      }),
    );
    // A header text has 20 bytes.
    expect(textOf("wrong key 5f4dcc3b5a")).toBe("wrong key [redacted]");
  });

  it("has no RSA key, whole or in parts", () => {
    const lines = [
      "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX",
      "6Ppy1tPf9Cnzj4p4WGeKLs1Pt8QuKUpRKfFL",
      "RfC9AiA=",
    ];
    const pem = ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----"].join("\n");
    for (const text of [
      pem,
      pem.replaceAll("\n", "\\n"),
      pem.replaceAll("\n", ""),
      pem.slice(0, 100),
      `x ${lines[1]} y`,
    ]) {
      for (const line of lines) expect(textOf(text, { rsaPrivateKey: pem })).not.toContain(line);
    }
  });

  it("is no part of what a failure prints", () => {
    const failure = new Failure("opend_failed", "detail", { opendReply: { text: "the text" } });
    const again = failure.retryingAfter(1_000);
    expect([again.opendReply?.text, again.retryAfterMs]).toEqual(["the text", 1_000]);
    for (const { message, stack, ...fields } of [failure, again]) {
      expect(JSON.stringify([message, stack, fields])).not.toContain("the text");
      expect(`${message}${stack}`).not.toContain("the text");
    }
  });
});
