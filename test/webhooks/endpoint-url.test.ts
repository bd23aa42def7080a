import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { parseEndpoint } from "../../functions/webhooks/endpoint-url.ts";

const RULES = {
  ownHosts: ["Gateway.example.com.", "opend.example.com", "some.upstash.io", "例え.example.com"],
  trustedOrigins: ["http://localhost:9000", "https://trusted.example"],
};

const parse = (text: string) => {
  try {
    return parseEndpoint(text, RULES).href;
  } catch (thrown) {
    const { code, parameter, detail } = Failure.from(thrown);
    expect([code, parameter]).toEqual(["invalid_parameter", "url"]);
    return detail;
  }
};

describe("parseEndpoint", () => {
  it.each([
    "https://example.com",
    "https://example.com/",
    "https://hooks.example.co.jp/a/b?c=d&e=%20",
    "https://example.com:443/x",
    "HTTPS://EXAMPLE.com/x",
    "https://xn--r8jz45g.example/",
    "https://1.example.com",
    "https://local.example.com",
    "https://internal.example.com",
    "http://localhost:9000/x",
  ])("accepts %s", (text) => {
    expect(parse(text)).toBe(new URL(text).href);
  });

  it.each([
    ["https://example.com./x", "https://example.com/x"],
    ["https://EXAMPLE.com...:443/X", "https://example.com/X"],
    ["https://ex%61mple%2ecom/", "https://example.com/"],
    ["http://LOCALHOST.:9000/x", "http://localhost:9000/x"],
  ])("normalizes %s to %s", (text, href) => {
    expect(parse(text)).toBe(href);
  });

  it.each([
    ["", "is not a valid URL"],
    ["example.com", "is not a valid URL"],
    ["/x", "is not a valid URL"],
    ["https://", "is not a valid URL"],
    ["https://例え.jp", "is not a valid URL"],
    ["https://exa mple.com", "is not a valid URL"],
    ["https://exam\tple.com", "is not a valid URL"],
    ["\nhttps://example.com", "is not a valid URL"],
    [`https://example.com/${"x".repeat(2_048)}`, "is longer than 2048 characters"],
    ["http://example.com", "must start with https://"],
    ["ftp://example.com", "must start with https://"],
    ["wss://example.com", "must start with https://"],
    ["javascript:alert(1)", "must start with https://"],
    ["file:///etc/passwd", "must start with https://"],
    ["data:text/plain,x", "must start with https://"],
    ["https://me@example.com", "must not contain a user name or password"],
    ["https://me:pass@example.com", "must not contain a user name or password"],
    ["https://:pass@example.com", "must not contain a user name or password"],
    ["http://me@localhost:9000/", "must not contain a user name or password"],
    ["https://example.com:8443", "must use port 443"],
    ["https://example.com:80", "must use port 443"],
    ["blob:https://example.com/x", "must start with https://"],
    ["blob:http://localhost:9000/x", "must start with https://"],
    ["blob:https://trusted.example/x", "must start with https://"],
    ["https://.", "has an empty label in its host name"],
    ["https://..", "has an empty label in its host name"],
    ["https://.example.com", "has an empty label in its host name"],
    ["https://example..com", "has an empty label in its host name"],
    ["https://example.1..", "has an empty label in its host name"],
    ["http://localhost:9001", "must start with https://"],
    ["https://localhost:9000", "must use port 443"],
    ["https://127.0.0.1", "must have a host name, not an IP address"],
    ["https://127.1", "must have a host name, not an IP address"],
    ["https://2130706433", "must have a host name, not an IP address"],
    ["https://0x7f000001", "must have a host name, not an IP address"],
    ["https://0x7f.1", "must have a host name, not an IP address"],
    ["https://0177.0.0.1", "must have a host name, not an IP address"],
    ["https://127.0.0.1.", "must have a host name, not an IP address"],
    ["https://%31%32%37.0.0.1", "must have a host name, not an IP address"],
    ["https://8.8.8.8", "must have a host name, not an IP address"],
    ["https://169.254.169.254/latest/meta-data", "must have a host name, not an IP address"],
    ["https://[::1]", "must have a host name, not an IP address"],
    ["https://[::ffff:127.0.0.1]", "must have a host name, not an IP address"],
    ["https://[fe80::1]", "must have a host name, not an IP address"],
    ["https://[2606:4700::1111]", "must have a host name, not an IP address"],
    ["https://256.0.0.1", "is not a valid URL"],
    ["https://localhost", "must have a public host name"],
    ["https://LOCALHOST.", "must have a public host name"],
    ["https://localhost..", "must have a public host name"],
    ["https://a.local...", "must have a public host name"],
    ["https://127.0.0.1..", "must have a host name, not an IP address"],
    ["https://0x7f.1..", "must have a host name, not an IP address"],
    ["https://a.localhost", "must have a public host name"],
    ["https://intranet", "must have a public host name"],
    ["https://metadata.google.internal", "must have a public host name"],
    ["https://metadata.google.internal.", "must have a public host name"],
    ["https://printer.local", "must have a public host name"],
    ["https://nas.lan", "must have a public host name"],
    ["https://router.home.arpa", "must have a public host name"],
    ["https://gateway.example.com/v1/webhooks", "must not point to this service or its backends"],
    ["https://GATEWAY.example.com./", "must not point to this service or its backends"],
    ["https://gateway.example.com../", "must not point to this service or its backends"],
    ["https://xn--r8jz45g.example.com/", "must not point to this service or its backends"],
    ["https://opend.example.com", "must not point to this service or its backends"],
    ["https://some.upstash.io", "must not point to this service or its backends"],
  ])("refuses %s: url %s", (text, problem) => {
    expect(parse(text)).toBe(`url ${problem}`);
  });
});
