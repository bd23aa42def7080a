import fc from "fast-check";
import { expect, it } from "vitest";
import { takeQueryKey } from "../../functions/http/query-key.ts";

const PAGE = "https://short-interest.example/v1/short-interest/HK.00700";

it.each([
  ["?key=secret", "", "secret"],
  ["?num=1&key=secret", "?num=1", "secret"],
  ["?key=secret&num=1", "?num=1", "secret"],
  ["?num=1&%6bey=se%63ret&format=csv", "?num=1&format=csv", "secret"],
  ["?key", "", ""],
  ["?key=", "", ""],
  ["?key=%FF", "", ""],
  ["?key=a=b", "", "a=b"],
  ["?key=secret&key=secret", "", "secret&secret"],
])("the URL with %s has %j without the key, which is %j", (before, after, key) => {
  expect(takeQueryKey(PAGE + before)).toEqual({ url: PAGE + after, key });
});

it.each(["", "?", "?num=1", "?Key=secret", "?keys=1", "?akey=1", "?next_key=key"])(
  "the URL with %j has no key",
  (search) => {
    expect(takeQueryKey(PAGE + search)).toBeUndefined();
  },
);

it("a URL keeps all of its other parameters, byte by byte and in their order", () => {
  const pair = fc.webQueryParameters().filter((text) => !/[&#]|^key(=|$)/i.test(text) && text !== "");
  fc.assert(
    fc.property(fc.array(pair), fc.nat(), (pairs, place) => {
      const base = new URL(PAGE);
      base.search = `?${pairs.join("&")}`;
      const rest = base.search.slice(1).split("&").filter(Boolean);
      const withKey = rest.toSpliced(place % (rest.length + 1), 0, "key=secret");
      const taken = takeQueryKey(`${PAGE}?${withKey.join("&")}`);
      expect(taken?.key).toBe("secret");
      expect(new URL(taken?.url ?? "").search).toBe(base.search);
    }),
    { examples: [[["?", "a"], 0]], numRuns: 1_000 },
  );
});
