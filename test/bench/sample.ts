import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { ResponseSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import { usHistory } from "../stand-ins/sample-data.ts";

/** Returns the bytes of an OpenD reply with this number of rows. */
export function replyOf(rows: number): Uint8Array<ArrayBuffer> {
  const usItemList = (usHistory("AAPL") ?? []).slice(0, rows);
  return toBinary(
    ResponseSchema,
    create(ResponseSchema, { retType: 0, s2c: { usItemList, nextKey: "-1" } }),
  ).slice();
}

/**
 * Returns an API key as its entry in `API_KEYS` and the headers that carry it. Requests without a key would wait for
 * the slow local simulation of the rate-limit binding.
 */
export function keyOf(name: string) {
  const key = `key of ${name}`;
  return {
    entry: `${name}:${createHash("sha256").update(key).digest("hex")}`,
    headers: { "X-API-Key": key },
  };
}

export const { entry: API_KEYS, headers: WITH_KEY } = keyOf("bench");

/** The binding of the deployed version. Without it, no finished response is stored at the edge. */
export const VERSION = { CF_VERSION_METADATA: { id: "bench", tag: "", timestamp: "" } };
