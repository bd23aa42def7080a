import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { parseEndpoint } from "../../functions/webhooks/endpoint-url.ts";

/** Many spellings of the same host. A host that is refused in one spelling must be refused in all. */

const OWN_HOSTS = ["gateway.example.com", "xn--r8jz45g.example.com"];
const RULES = { ownHosts: OWN_HOSTS, trustedOrigins: ["https://trusted.example.net"] };
const PRIVATE_HOSTS = [
  "localhost",
  "a.localhost",
  "nas.lan",
  "metadata.google.internal",
  "intranet",
  "x.local",
];
const PUBLIC_HOSTS = ["example.com", "hooks.example.co.jp", "xn--r8jz45g.example"];
const RUNS = { numRuns: 2_000 };

/** A character unchanged, in upper case, percent-encoded, or in full-width form, which IDNA maps back. */
const spelledCharacter = (character: string) => {
  const code = character.charCodeAt(0);
  const wide = encodeURIComponent(String.fromCodePoint(code + 0xfee0));
  return fc.constantFrom(character, character, character.toUpperCase(), `%${code.toString(16)}`, wide);
};
const spelled = (host: string) =>
  fc
    .tuple(
      fc.tuple(...Array.from(host, spelledCharacter)),
      fc.constantFrom("", ".", "..", "...", "%2e", "%E3%80%82"),
    )
    .map(([characters, dots]) => characters.join("") + dots);

/** A number in decimal, octal or hexadecimal. */
const digits = (value: number) =>
  fc.constantFrom(
    String(value),
    `0${value.toString(8)}`,
    `0x${value.toString(16)}`,
    `0X${value.toString(16)}`,
  );
/** An IPv4 address in one to four parts, the last of which holds the rest. */
const ipv4 = fc
  .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 1, max: 4 }))
  .chain(([address, count]) => {
    const parts = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255].slice(0, count - 1);
    const rest = address % 2 ** (8 * (5 - count));
    return fc.tuple(...[...parts, rest].map(digits)).map((written) => written.join("."));
  });
const ipv6 = fc.ipV6().map((address) => `[${address}]`);
const dots = fc.constantFrom("", ".", "..", "...");

const forbiddenHost = fc.oneof(
  fc.constantFrom(...OWN_HOSTS, ...PRIVATE_HOSTS).chain(spelled),
  fc.tuple(ipv4, dots).map((parts) => parts.join("")),
  ipv6,
);
const path = fc.constantFrom("", "/", "/x?y=z", "#https://example.com", "?@example.com");
const slashes = fc.constantFrom("//", "/", "", "\\\\", "///");

function refusalOf(text: string): string | undefined {
  try {
    parseEndpoint(text, RULES);
    return undefined;
  } catch (thrown) {
    const { code, parameter, detail } = Failure.from(thrown);
    expect([code, parameter]).toEqual(["invalid_parameter", "url"]);
    return detail;
  }
}

describe("parseEndpoint", () => {
  it("refuses private, numeric and own hosts in every spelling", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("https:", "HTTPS:"),
        slashes,
        forbiddenHost,
        path,
        (scheme, slash, host, rest) => {
          expect(refusalOf(scheme + slash + host + rest)).toBeDefined();
        },
      ),
      RUNS,
    );
  });

  it("normalizes every spelling of a public host", () => {
    const address = fc
      .constantFrom(...PUBLIC_HOSTS)
      .chain((host) => fc.tuple(fc.constant(host), spelled(host)));
    fc.assert(
      fc.property(address, fc.constantFrom("", ":443", ":0443"), ([host, spelling], port) => {
        expect(parseEndpoint(`https://${spelling}${port}/x`, RULES).href).toBe(`https://${host}/x`);
      }),
      RUNS,
    );
  });

  it("refuses user names, other ports and other schemes, also for trusted origins", () => {
    const host = fc.constantFrom(...PUBLIC_HOSTS, "trusted.example.net").chain(spelled);
    const wrapped = fc.oneof(
      fc.tuple(fc.constantFrom("https://me@", "https://me:pass@", "https://:pass@"), host),
      fc.tuple(
        fc.constantFrom("blob:https://", "data:text/html,https://", "ftp://", "ws://", "javascript:"),
        host,
      ),
      fc.tuple(
        fc.constant("https://"),
        host,
        fc.integer({ min: 0, max: 65_535 }).map((port) => `:${port}`),
      ),
    );
    fc.assert(
      fc.property(wrapped, path, (parts, rest) => {
        const text = parts.join("") + rest;
        fc.pre(!/:443$/.test(parts.join("")));
        expect(refusalOf(text), text).toBeDefined();
      }),
      RUNS,
    );
  });

  it("recognizes a trusted origin in every spelling of its host", () => {
    fc.assert(
      fc.property(spelled("trusted.example.net"), (host) => {
        expect(parseEndpoint(`https://${host}/x`, RULES).href).toBe("https://trusted.example.net/x");
      }),
      RUNS,
    );
  });

  it("accepts only URLs of one public host that no rule excludes", () => {
    const piece = fc.oneof(
      fc.constantFrom(...OWN_HOSTS, ...PRIVATE_HOSTS, ...PUBLIC_HOSTS, "127.0.0.1", "0x7f", "1", "[::1]"),
      fc.constantFrom(
        ".",
        "..",
        "@",
        ":",
        "/",
        "\\",
        "%2e",
        "%00",
        "#",
        "?",
        "xn--",
        "blob:",
        "https://",
        "443",
      ),
    );
    const text = fc
      .array(piece, { minLength: 1, maxLength: 6 })
      .map((pieces) => `https://${pieces.join("")}`);
    fc.assert(
      fc.property(text, (candidate) => {
        fc.pre(refusalOf(candidate) === undefined);
        const url = parseEndpoint(candidate, RULES);
        expect(url.href).toMatch(/^https:\/\/([a-z0-9-]+\.)+[a-z0-9-]*[a-z-][a-z0-9-]*\//);
        expect([...OWN_HOSTS, ...PRIVATE_HOSTS]).not.toContain(url.hostname);
        expect(parseEndpoint(url.href, RULES).href).toBe(url.href);
      }),
      RUNS,
    );
  });
});
