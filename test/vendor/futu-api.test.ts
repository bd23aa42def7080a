import { create, fromBinary, toJson } from "@bufbuild/protobuf";
import FutuWebsocket from "futu-api";
import protoRoot from "futu-api/proto.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePageRequest, GET_SHORT_INTEREST } from "../../functions/opend/short-interest.ts";
import { pageProtobuf } from "../../functions/short-interest/protobuf.ts";
import { HkShortInterestItemSchema, ResponseSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import { type StandInOpend, startOpend } from "../stand-ins/opend.ts";
import { exchange } from "./exchange.ts";

const NAME = "Qot_GetShortInterest";
const KEY = "7522027ccf5a06b1";

let opend: StandInOpend;
beforeAll(async () => {
  opend = await startOpend({ key: KEY, limit: 1_000 });
});
afterAll(() => opend.close());

/** The vendor's client, logged in. */
async function logIn(key: string): Promise<FutuWebsocket> {
  const client = new FutuWebsocket();
  const { hostname, port } = new URL(opend.url);
  await new Promise<void>((resolve, reject) => {
    client.onlogin = (success, reason) => (success ? resolve() : reject(reason));
    client.start(hostname, Number(port), false, key);
  });
  return client;
}

const requestOf = (market: number, code: string, more: object = {}) => ({
  c2s: { security: { market, code }, ...more },
});

/** A reply as the vendor's client decodes it, in the JSON form of protobuf. */
function decodedByVendor(bytes: Uint8Array): unknown {
  const type = protoRoot.lookupType(`${NAME}.Response`);
  return type.toObject(type.decode(bytes), { longs: String, json: true });
}

describe("the vendor's client", () => {
  it("logs in to the stand-in and gets the documented rows", async () => {
    const client = await logIn(KEY);
    const reply = await client._sendCmd(GET_SHORT_INTEREST, requestOf(1, "00700"), NAME);
    expect(reply).toMatchObject({ retType: 0, s2c: { nextKey: "1772121600" } });
    const { hkItemList } = (
      reply as { s2c: { hkItemList: { timestampStr: string; aggregatedShort: unknown }[] } }
    ).s2c;
    expect(hkItemList).toHaveLength(10);
    expect(hkItemList[0]?.timestampStr).toBe("2026-04-30");
    expect(String(hkItemList[0]?.aggregatedShort)).toBe("51480638");
    client.stop();
  });

  it("walks to the end", async () => {
    const client = await logIn(KEY);
    let nextKey = "";
    let rows = 0;
    while (nextKey !== "-1") {
      const reply = await client._sendCmd(
        GET_SHORT_INTEREST,
        requestOf(11, "AAPL", { num: 50, ...(nextKey && { nextKey }) }),
        NAME,
      );
      const { s2c } = reply as { s2c: { usItemList: unknown[]; nextKey: string } };
      rows += s2c.usItemList.length;
      nextKey = s2c.nextKey;
    }
    expect(rows).toBe(130);
    client.stop();
  });

  it.each([
    { symbol: { market: "HK", code: "00700" }, cursor: "", num: 50 },
    { symbol: { market: "HK", code: "02800" }, cursor: "1772121600", num: 1 },
    { symbol: { market: "US", code: "BRK.B" }, cursor: "opaque", num: 10 },
  ] as const)("encodes the request for %j as this project does", async ({ symbol, cursor, num }) => {
    const market = symbol.market === "HK" ? 1 : 11;
    const type = protoRoot.lookupType(`${NAME}.Request`);
    const request = requestOf(market, symbol.code, { ...(cursor && { nextKey: cursor }), num });
    const theirs = type.encode(type.create(request)).finish();
    expect(Buffer.from(encodePageRequest({ symbol, cursor, num })).toString("hex")).toBe(
      Buffer.from(theirs).toString("hex"),
    );
  });

  it.each([
    ["HK.00700", requestOf(1, "00700", { num: 50 })],
    ["US.AAPL", requestOf(11, "AAPL", { num: 50 })],
    ["US.HUGE", requestOf(11, "HUGE")],
    ["US.NONE", requestOf(11, "NONE")],
    ["US.NOSUCH", requestOf(11, "NOSUCH")],
  ])("decodes the reply for %s to the same values", async (_, request) => {
    const reply = await exchange(new URL(opend.url), KEY, request);
    const ours = toJson(ResponseSchema, fromBinary(ResponseSchema, reply));
    expect(ours).toEqual(withoutEmptyLists(decodedByVendor(reply)));
  });
});

describe("a page as protobuf", () => {
  it("is read by the vendor's descriptors, and ends as OpenD's do", () => {
    const rows = [
      create(HkShortInterestItemSchema, {
        timestamp: 1777478400n,
        aggregatedShort: 2n ** 63n,
        closePrice: 0,
      }),
    ];
    expect(withoutEmptyLists(decodedByVendor(pageProtobuf({ market: "HK", rows, next: null })))).toEqual({
      retType: 0,
      retMsg: "",
      errCode: 0,
      s2c: {
        hkItemList: [{ timestamp: "1777478400", aggregatedShort: String(2n ** 63n), closePrice: 0 }],
        nextKey: "-1",
      },
    });
  });
});

/** protobufjs prints lists that are empty, where the JSON form of protobuf leaves them out. */
function withoutEmptyLists(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, inner) =>
    Array.isArray(inner) && inner.length === 0 ? undefined : inner,
  );
}
