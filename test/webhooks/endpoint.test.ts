import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { parseEndpoint } from "../../functions/webhooks/endpoint.ts";

const RULE = {
  ownHosts: ["Gateway.example.com.", "opend.example.com", "some.upstash.io", "例え.example.com"],
  trustedOrigins: ["http://localhost:9000", "https://trusted.example"],
};

const refusal = (text: string) => {
  try {
    return parseEndpoint(text, RULE).href;
  } catch (thrown) {
    const { code, parameter, detail } = Failure.from(thrown);
    expect([code, parameter]).toEqual(["invalid_parameter", "url"]);
    return detail;
  }
};

describe("the address of a receiver", () => {
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
  ])("may be %s", (text) => {
    expect(refusal(text)).toBe(new URL(text).href);
  });

  it.each([
    ["https://example.com./x", "https://example.com/x"],
    ["https://EXAMPLE.com...:443/X", "https://example.com/X"],
    ["https://ex%61mple%2ecom/", "https://example.com/"],
    ["http://LOCALHOST.:9000/x", "http://localhost:9000/x"],
  ])("%s is read as %s", (text, href) => {
    expect(refusal(text)).toBe(href);
  });

  it.each([
    ["", "is not a URL"],
    ["example.com", "is not a URL"],
    ["/x", "is not a URL"],
    ["https://", "is not a URL"],
    ["https://例え.jp", "is not a URL"],
    ["https://exa mple.com", "is not a URL"],
    ["https://exam\tple.com", "is not a URL"],
    ["\nhttps://example.com", "is not a URL"],
    [`https://example.com/${"x".repeat(2_048)}`, "is longer than 2048 characters"],
    ["http://example.com", "does not begin with https://"],
    ["ftp://example.com", "does not begin with https://"],
    ["wss://example.com", "does not begin with https://"],
    ["javascript:alert(1)", "does not begin with https://"],
    ["file:///etc/passwd", "does not begin with https://"],
    ["data:text/plain,x", "does not begin with https://"],
    ["https://me@example.com", "holds a user name or a password"],
    ["https://me:pass@example.com", "holds a user name or a password"],
    ["https://:pass@example.com", "holds a user name or a password"],
    ["http://me@localhost:9000/", "holds a user name or a password"],
    ["https://example.com:8443", "has a port other than 443"],
    ["https://example.com:80", "has a port other than 443"],
    ["blob:https://example.com/x", "does not begin with https://"],
    ["blob:http://localhost:9000/x", "does not begin with https://"],
    ["blob:https://trusted.example/x", "does not begin with https://"],
    ["https://.", "has a host with an empty label"],
    ["https://..", "has a host with an empty label"],
    ["https://.example.com", "has a host with an empty label"],
    ["https://example..com", "has a host with an empty label"],
    ["https://example.1..", "has a host with an empty label"],
    ["http://localhost:9001", "does not begin with https://"],
    ["https://localhost:9000", "has a port other than 443"],
    ["https://127.0.0.1", "is an address, not a name"],
    ["https://127.1", "is an address, not a name"],
    ["https://2130706433", "is an address, not a name"],
    ["https://0x7f000001", "is an address, not a name"],
    ["https://0x7f.1", "is an address, not a name"],
    ["https://0177.0.0.1", "is an address, not a name"],
    ["https://127.0.0.1.", "is an address, not a name"],
    ["https://%31%32%37.0.0.1", "is an address, not a name"],
    ["https://8.8.8.8", "is an address, not a name"],
    ["https://169.254.169.254/latest/meta-data", "is an address, not a name"],
    ["https://[::1]", "is an address, not a name"],
    ["https://[::ffff:127.0.0.1]", "is an address, not a name"],
    ["https://[fe80::1]", "is an address, not a name"],
    ["https://[2606:4700::1111]", "is an address, not a name"],
    ["https://256.0.0.1", "is not a URL"],
    ["https://localhost", "is not a name of the internet"],
    ["https://LOCALHOST.", "is not a name of the internet"],
    ["https://localhost..", "is not a name of the internet"],
    ["https://a.local...", "is not a name of the internet"],
    ["https://127.0.0.1..", "is an address, not a name"],
    ["https://0x7f.1..", "is an address, not a name"],
    ["https://a.localhost", "is not a name of the internet"],
    ["https://intranet", "is not a name of the internet"],
    ["https://metadata.google.internal", "is not a name of the internet"],
    ["https://metadata.google.internal.", "is not a name of the internet"],
    ["https://printer.local", "is not a name of the internet"],
    ["https://nas.lan", "is not a name of the internet"],
    ["https://router.home.arpa", "is not a name of the internet"],
    ["https://gateway.example.com/v1/webhooks", "is this service, or one behind it"],
    ["https://GATEWAY.example.com./", "is this service, or one behind it"],
    ["https://gateway.example.com../", "is this service, or one behind it"],
    ["https://xn--r8jz45g.example.com/", "is this service, or one behind it"],
    ["https://opend.example.com", "is this service, or one behind it"],
    ["https://some.upstash.io", "is this service, or one behind it"],
  ])("is not %s", (text, why) => {
    expect(refusal(text)).toBe(`url ${why}`);
  });
});
