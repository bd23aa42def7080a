import { RetType } from "../../gen/Common_pb.js";
import { Failure, type FailureCode, type OpendReply } from "../errors.ts";

/**
 * Maps OpenD's refusals to failures; no other file matches OpenD's texts. OpenD writes Chinese or English, depending on
 * the language of its installation. The names of securities are parts of the texts, so a pattern is as long as possible, and
 * starts at a sentence if it can. Texts that were never observed are guesses, and marked as such.
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

/** The first one that matches counts. */
const REFUSAL_TEXTS: readonly RefusalText[] = [
  {
    // NN_ProtoRet_TimeOut
    pattern: /\bNN_ProtoRet_TimeOut\b/i,
    code: "opend_timeout",
    detail: "OpenD's own server did not answer in time",
  },
  {
    // NN_ProtoRet_SvrFailed
    pattern: /\bNN_ProtoRet_SvrFailed\b/i,
    code: "opend_failed",
    detail: "OpenD's own server failed",
  },
  {
    // NN_ProtoRet_ByDisConnOrCancel
    pattern: /\bNN_ProtoRet_ByDisConnOrCancel\b/i,
    code: "opend_unreachable",
    detail: "OpenD has lost the connection to its own server",
  },
  {
    // 获取…频率太高，请求失败，每30秒最多10次。
    // Get … is too frequent, request failed, no more than 30 times every 30 seconds.
    // … request failed due to high frequency. Maximum 60 times per 30 seconds. "too many requests" is guessed.
    pattern:
      /频率太高|每\s*\d+\s*秒最多|\btoo frequent\b|\bdue to high frequency\b|\b\d+ times (?:every|per) \d+ seconds\b|\btoo many requests\b/i,
    code: "upstream_quota_exceeded",
    detail: "Other programs have used up the rate limit of OpenD's account",
  },
  {
    // 未知股票. Unknown stock. SQ. Other nouns are guessed.
    pattern: /未知股票|(?:^|[:;,.]\s+)unknown (?:stock|security|symbol)\b/i,
    code: "unknown_symbol",
    detail: "OpenD knows no such security, or has no short interest for it",
  },
  {
    // US OTC market quote is not available for SSLZY
    pattern: /\bOTC market quotes? (?:is|are) not available\b/i,
    code: "unknown_symbol",
    detail: "OpenD has no data of OTC securities",
  },
  {
    // 该接口仅支持正股
    // Only HK and A-share stocks and funds are supported; other markets or security types are not supported.
    // Only stocks, warrants, and funds are supported; other security types are not supported.
    // US stock indices are not supported. "only supports stocks" and other kinds are guessed.
    pattern:
      /仅支持.*(?:正股|股票|基金)|\bonly [\w ,-]*\b(?:stocks|funds)\b[\w ,-]* supported\b|\b(?:indices|options|futures|warrants|bonds|(?:security|stock) types) are not supported\b|\bonly supports? (?:stock|equit)/i,
    code: "unknown_symbol",
    detail: "OpenD has no short interest for this kind of security",
  },
  {
    // 行情权限不足 · 无权限…
    // No permission to get quotes for US.AAPL. Please check US MarketOptions quote permissions.
    // Insufficient quote permission. Please go to the Quote Store to purchase a quote card. "no right" is guessed.
    pattern:
      /权限不足|无权限|没有权限|(?:^|[:;,.]\s+)no (?:quote )?(?:permission|right|authority)\b|\binsufficient (?:quote )?permission/i,
    code: "opend_no_permission",
    detail: "OpenD's account has no permission for quotes of this market",
  },
];

/** 登录失败,网络异常，请稍后再试: OpenD's own login, which Futu throttles. The English texts are guesses. */
const OPEND_LOGIN_FAILED = /登录失败|网络异常|稍后再试|\blogin failed\b|\btry again later\b/i;

/** A refused key. The text may also say that the login failed. */
const KEY_REFUSED = /key|密钥|秘钥/i;

/** A text about OpenD's own server, which says nothing about the security or the cursor. */
const SERVER_FAILED = /\bNN_ProtoRet_/i;

/** A longer text is cut before it is matched. */
const MAX_MATCHED_LENGTH = 500;

/**
 * Maps a header error other than 0, except in the reply to InitWebSocket.
 * @param text of the header
 */
export function failureOfHeader(error: number, text: string): Failure {
  const opendReply = { error, text };
  if (error === HEADER_TIMEOUT || error === HEADER_SERVER_TIMEOUT) return serverTimeout(opendReply);
  if (error === HEADER_RELAY_LOST) return relayLost(opendReply);
  return new Failure("opend_failed", `OpenD answered with error ${error}`, { opendReply });
}

/** Maps a header error other than 0 in the reply to InitWebSocket. */
export function failureOfLoginHeader(error: number, text: string): Failure {
  if (OPEND_LOGIN_FAILED.test(text) && !KEY_REFUSED.test(text)) return opendNotLoggedIn({ error, text });
  const failure = failureOfHeader(error, text);
  return failure.code === "opend_failed" ? keyRefused(failure.opendReply) : failure;
}

/** Maps a reply to InitWebSocket that is not a success, or has no content. */
export function failureOfLogin(retType: number, retMsg: string): Failure {
  const opendReply = { retType, text: retMsg };
  const text = retMsg.slice(0, MAX_MATCHED_LENGTH);
  // OpenD refuses a wrong key without a text. Its other refusals have one.
  const isAboutKey = text === "" || KEY_REFUSED.test(text);
  if (isAboutKey && retType !== RetType.RetType_TimeOut && retType !== RetType.RetType_DisConnect) {
    return keyRefused(opendReply);
  }
  if (OPEND_LOGIN_FAILED.test(text)) return opendNotLoggedIn(opendReply);
  return failureOfReply(retType, retMsg);
}

/** Maps a reply with a retType other than 0. */
export function failureOfReply(retType: number, retMsg: string): Failure {
  const opendReply = { retType, text: retMsg };
  if (retType === RetType.RetType_TimeOut) return serverTimeout(opendReply);
  if (retType === RetType.RetType_DisConnect) return relayLost(opendReply);
  const text = retMsg.slice(0, MAX_MATCHED_LENGTH);
  const known = REFUSAL_TEXTS.find(({ pattern }) => pattern.test(text));
  return known
    ? new Failure(known.code, known.detail, { opendReply })
    : new Failure("opend_failed", `OpenD refused the call (retType ${retType})`, { opendReply });
}

/** OpenD's WebSocket relay answers, but it has lost OpenD itself. */
export function relayLost(opendReply?: OpendReply): Failure {
  const detail = "OpenD's WebSocket relay has lost its connection to OpenD";
  return new Failure("opend_unreachable", detail, { opendReply });
}

/** Whether OpenD's own server failed, so that OpenD has not judged the request. */
export function isServerFailure({ text }: OpendReply): boolean {
  return SERVER_FAILED.test(text.slice(0, MAX_MATCHED_LENGTH));
}

/** InitWebSocket got no reply, although the WebSocket was opened. The doctor names the probable cause. */
export function loginTimeout(): Failure {
  return new Failure("opend_timeout", "OpenD accepted the connection but does not answer the login");
}

function opendNotLoggedIn(opendReply: OpendReply): Failure {
  return new Failure("opend_unreachable", "OpenD's own login to Futu has failed", { opendReply });
}

function serverTimeout(opendReply: OpendReply): Failure {
  return new Failure("opend_timeout", "OpenD's own server did not answer in time", { opendReply });
}

function keyRefused(opendReply: OpendReply | undefined): Failure {
  return new Failure("opend_key_refused", "OpenD refused the configured key", { opendReply });
}
