import { create, toBinary } from "@bufbuild/protobuf";
import { RetType } from "../../gen/Common_pb.js";
import { ResponseSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import type { Failure, FailureCode } from "../errors.ts";

/** Refusals for OpenD's own clients. Programs recognize OpenD's own texts, so these are used where one exists. */

/** Programs wait and retry when they find a part of this text, in Chinese or in either English wording. */
const TOO_FREQUENT =
  "获取空头持仓频率太高，请求失败，每30秒最多30次。 Get short interest is too frequent, request failed due to high frequency, no more than 30 times every 30 seconds.";

const MESSAGES: Partial<Record<FailureCode, string>> = {
  upstream_quota_exceeded: TOO_FREQUENT,
  client_quota_exceeded: TOO_FREQUENT,
  too_many_requests: TOO_FREQUENT,
  subrequest_limit: TOO_FREQUENT,
  unknown_symbol: "未知股票",
  invalid_symbol: "未知股票",
  opend_no_permission: "无权限获取该行情",
};

const RET_TYPES: Partial<Record<FailureCode, RetType>> = {
  opend_timeout: RetType.RetType_TimeOut,
  request_timeout: RetType.RetType_TimeOut,
  opend_unreachable: RetType.RetType_DisConnect,
};

/** The body of a refusal. The first fields of all of OpenD's responses are the same, so it fits every command. */
export function refusalBody(failure: Failure): Uint8Array {
  const message = MESSAGES[failure.code];
  const retMsg = message === undefined ? failure.detail : `${message} (${failure.detail})`;
  const retType = RET_TYPES[failure.code] ?? RetType.RetType_Failed;
  return toBinary(ResponseSchema, create(ResponseSchema, { retType, retMsg }));
}
