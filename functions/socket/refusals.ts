import { create, toBinary } from "@bufbuild/protobuf";
import { RetType } from "../../gen/Common_pb.js";
import { ResponseSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import type { Failure, FailureCode } from "../failure.ts";

/** How this program says no to OpenD's own clients: in OpenD's words, where programs know those. */

/** Programs wait and try again when they read this. */
const TOO_OFTEN = "获取空头持仓频率太高，请求失败，每30秒最多30次。";

const WORDS: Partial<Record<FailureCode, string>> = {
  upstream_quota_exceeded: TOO_OFTEN,
  client_quota_exceeded: TOO_OFTEN,
  too_many_requests: TOO_OFTEN,
  subrequest_limit: TOO_OFTEN,
  unknown_symbol: "未知股票",
  invalid_symbol: "未知股票",
  opend_no_permission: "无权限获取该行情",
};

const RET_TYPES: Partial<Record<FailureCode, RetType>> = {
  opend_timeout: RetType.RetType_TimeOut,
  request_timeout: RetType.RetType_TimeOut,
  opend_unreachable: RetType.RetType_DisConnect,
};

/** The body of a refusal. All of OpenD's responses begin alike, so it does for any command. */
export function refusalBody(failure: Failure): Uint8Array {
  const words = WORDS[failure.code];
  const retMsg = words === undefined ? failure.detail : `${words} (${failure.detail})`;
  const retType = RET_TYPES[failure.code] ?? RetType.RetType_Failed;
  return toBinary(ResponseSchema, create(ResponseSchema, { retType, retMsg }));
}
