import { RetType } from "../../gen/Common_pb.js";
import { Failure, type FailureCode } from "../errors.ts";

/**
 * Maps OpenD's refusals to failures; no other file reads OpenD's texts. OpenD writes Chinese or English, depending on
 * the language of its installation. English texts that were never observed are guesses, and marked as such.
 */

/** Header errors, as named in the vendor's client. */
const HEADER_TIMEOUT = 1;
const HEADER_SERVER_TIMEOUT = 2;
const HEADER_RELAY_LOST = 3;

interface RefusalText {
  readonly pattern: RegExp;
  readonly code: FailureCode;
  readonly detail: string;
}

const REFUSAL_TEXTS: readonly RefusalText[] = [
  {
    // …频率太高，请求失败，每30秒最多30次。 English guessed.
    pattern: /频率太高|每\s*30\s*秒最多|frequen|too many/i,
    code: "upstream_quota_exceeded",
    detail: "Other programs have used up the rate limit of OpenD's account",
  },
  {
    // 未知股票. English guessed.
    pattern: /未知股票|unknown (stock|security|symbol)/i,
    code: "unknown_symbol",
    detail: "OpenD knows no such security, or has no short interest for it",
  },
  {
    // 该接口仅支持正股. English guessed.
    pattern: /仅支持正股|only supports? (stock|equit)/i,
    code: "unknown_symbol",
    detail: "OpenD has short interest of stocks and funds only",
  },
  {
    // 无权限. English guessed.
    pattern: /无权限|没有权限|no (permission|right|authority)/i,
    code: "opend_no_permission",
    detail: "OpenD's account has no permission for quotes of this market",
  },
];

/** Maps a header error other than 0, except in the reply to InitWebSocket. */
export function failureOfHeader(error: number): Failure {
  if (error === HEADER_TIMEOUT || error === HEADER_SERVER_TIMEOUT) {
    return new Failure("opend_timeout", "OpenD's own server did not answer in time");
  }
  if (error === HEADER_RELAY_LOST) return relayLost();
  return new Failure("opend_failed", `OpenD answered with error ${error}`);
}

/** Maps a header error other than 0 in the reply to InitWebSocket. */
export function failureOfLoginHeader(error: number): Failure {
  const failure = failureOfHeader(error);
  return failure.code === "opend_failed" ? keyRefused() : failure;
}

/** Maps a reply to InitWebSocket that is not a success, or has no content. */
export function failureOfLogin(retType: number, retMsg: string): Failure {
  // OpenD refuses a wrong key without a text. Its other refusals have one.
  if (retMsg === "" || /key|密钥|秘钥/i.test(retMsg)) {
    if (retType !== RetType.RetType_TimeOut && retType !== RetType.RetType_DisConnect) return keyRefused();
  }
  return failureOfReply(retType, retMsg);
}

/** Maps a reply with a retType other than 0. */
export function failureOfReply(retType: number, retMsg: string): Failure {
  if (retType === RetType.RetType_TimeOut) return failureOfHeader(HEADER_SERVER_TIMEOUT);
  if (retType === RetType.RetType_DisConnect) return relayLost();
  const known = REFUSAL_TEXTS.find(({ pattern }) => pattern.test(retMsg));
  return known
    ? new Failure(known.code, known.detail)
    : new Failure("opend_failed", `OpenD refused the call (retType ${retType})`);
}

/** OpenD's WebSocket relay answers, but it has lost OpenD itself. */
export function relayLost(): Failure {
  return new Failure("opend_unreachable", "OpenD's WebSocket relay has lost its connection to OpenD");
}

function keyRefused(): Failure {
  return new Failure("opend_key_refused", "OpenD refused the configured key");
}
