import { create, fromBinary, toJson } from "@bufbuild/protobuf";
import FutuWebsocket from "futu-api";
import protoRoot from "futu-api/proto.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePageRequest, GET_SHORT_INTEREST } from "../../functions/opend/short-interest.ts";
import { pageProtobuf } from "../../functions/short-interest/protobuf.ts";
import { HkShortInterestItemSchema, ResponseSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import { type StandInOpend, startOpend } from "../stand-ins/opend.ts";
import { fetchReply } from "./vendor-request.ts";

const NAME = "Qot_GetShortInterest";
const KEY = "7522027ccf5a06b1";

let opend: StandInOpend;
beforeAll(async () => {
  opend = await startOpend({ key: KEY, limit: 1_000 });
});
afterAll(() => opend.close());

/** Returns a logged-in client. */
async function logIn(key: string): Promise<FutuWebsocket> {
  const client = new FutuWebsocket();
  const { hostname, port } = new URL(opend.url);
  await new Promise<void>((resolve, reject) => {
    client.onlogin = (success, reason) => (success ? resolve() : reject(reason));
    client.start(hostname, Number(port), false, key);
  });
  return client;
}

const requestOf = (market: number, code: string, fields: object = {}) => ({
  c2s: { security: { market, code }, ...fields },
});

/** Decodes a reply with the vendor's descriptors, to protobuf's JSON form. */
function decodeByVendor(bytes: Uint8Array): unknown {
  const type = protoRoot.lookupType(`${NAME}.Response`);
  return type.toObject(type.decode(bytes), { longs: String, json: true });
}

describe("futu-api client", () => {
  it("logs in to the OpenD stand-in and receives the documented rows", async () => {
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

  it("follows nextKey to the end of the history", async () => {
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
  ] as const)(
    "encodes the request for %j to the same bytes as this project",
    async ({ symbol, cursor, num }) => {
      const market = symbol.market === "HK" ? 1 : 11;
      const type = protoRoot.lookupType(`${NAME}.Request`);
      const request = requestOf(market, symbol.code, { ...(cursor && { nextKey: cursor }), num });
      const vendorBytes = type.encode(type.create(request)).finish();
      expect(Buffer.from(encodePageRequest({ symbol, cursor, num })).toString("hex")).toBe(
        Buffer.from(vendorBytes).toString("hex"),
      );
    },
  );

  it.each([
    ["HK.00700", requestOf(1, "00700", { num: 50 })],
    ["US.AAPL", requestOf(11, "AAPL", { num: 50 })],
    ["US.HUGE", requestOf(11, "HUGE")],
    ["US.NONE", requestOf(11, "NONE")],
    ["US.NOSUCH", requestOf(11, "NOSUCH")],
  ])("decodes the reply for %s to the same values as this project", async (_, request) => {
    const reply = await fetchReply(new URL(opend.url), KEY, request);
    const decoded = toJson(ResponseSchema, fromBinary(ResponseSchema, reply));
    expect(decoded).toEqual(withoutEmptyLists(decodeByVendor(reply)));
  });
});

describe("protobuf representation of a page", () => {
  it("is decoded by the vendor's descriptors and ends with nextKey -1", () => {
    const rows = [
      create(HkShortInterestItemSchema, {
        timestamp: 1777478400n,
        aggregatedShort: 2n ** 63n,
        closePrice: 0,
      }),
    ];
    expect(withoutEmptyLists(decodeByVendor(pageProtobuf({ market: "HK", rows, next: null })))).toEqual({
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

/** Removes empty lists: protobufjs writes them, protobuf's JSON form omits them. */
function withoutEmptyLists(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, field) =>
    Array.isArray(field) && field.length === 0 ? undefined : field,
  );
}
