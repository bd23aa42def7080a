import { create, toBinary } from "@bufbuild/protobuf";
import {
  HkShortInterestItemSchema,
  ResponseSchema,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import { END_CURSOR, type Page } from "./page.ts";

/** A page as a `Qot_GetShortInterest.Response`, with OpenD's conventions: the end of a history is `"-1"`. */
export function pageProtobuf({ rows, next }: Page): Uint8Array<ArrayBuffer> {
  const s2c = {
    hkItemList: rows.filter((row) => row.$typeName === HkShortInterestItemSchema.typeName),
    usItemList: rows.filter((row) => row.$typeName === UsShortInterestItemSchema.typeName),
    nextKey: next ?? END_CURSOR,
  };
  return toBinary(
    ResponseSchema,
    create(ResponseSchema, { retType: 0, retMsg: "", errCode: 0, s2c }),
  ).slice();
}
