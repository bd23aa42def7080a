import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { ResponseSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import { usHistory } from "../stand-ins/sample-data.ts";

/** OpenD's reply with so many rows, as bytes. */
export function replyOf(rows: number): Uint8Array<ArrayBuffer> {
  const usItemList = (usHistory("AAPL") ?? []).slice(0, rows);
  return toBinary(
    ResponseSchema,
    create(ResponseSchema, { retType: 0, s2c: { usItemList, nextKey: "-1" } }),
  ).slice();
}

const KEY = "key of a bench";
/** Lets a bench in. A key, because the simulation of the rate-limit binding is slow. */
export const WITH_KEY = { "X-API-Key": KEY };
export const API_KEYS = `bench:${createHash("sha256").update(KEY).digest("hex")}`;
