import { create, toBinary } from "@bufbuild/protobuf";
import { encodeReply, type RequestFrame } from "../../functions/opend/frame.ts";
import { ResponseSchema as LoginResponseSchema } from "../../gen/InitWebSocket_pb.js";
import { ResponseSchema as NotifySchema } from "../../gen/Notify_pb.js";
import { ResponseSchema } from "../../gen/Qot_GetShortInterest_pb.js";

/** The effect of a fault: frames to send in place of the correct reply, no reply, or a dropped connection. */
export type FaultEffect = readonly (Uint8Array | string)[] | "silence" | "drop";

const NOTHING = new Uint8Array();

const reply = (request: RequestFrame, body: Uint8Array, error = 0, errorText = "") =>
  encodeReply({ ...request, body, error, errorText });

const refusal = (request: RequestFrame, retMsg: string) =>
  reply(request, toBinary(ResponseSchema, create(ResponseSchema, { retType: -1, retMsg })));

/** A refusal of a login. */
export const loginRefusal = (request: RequestFrame, retMsg: string) =>
  reply(request, toBinary(LoginResponseSchema, create(LoginResponseSchema, { retType: -1, retMsg })));

/** Messages of OpenD's refusals. */
export const REFUSALS = {
  frequency: "获取空头持仓频率太高，请求失败，每30秒最多30次。",
  unknownStock: "未知股票",
  wrongKind: "该接口仅支持正股",
  noPermission: "无权限获取该行情",
} as const;

/** The same in an installation in English. */
export const ENGLISH_REFUSALS: Readonly<Record<keyof typeof REFUSALS, string>> = {
  frequency: "Get short interest is too frequent, request failed, no more than 30 times every 30 seconds.",
  unknownStock: "Unknown stock. SQ",
  wrongKind: "Only stocks, warrants, and funds are supported; other security types are not supported.",
  noPermission: "Insufficient quote permission. Please go to the Quote Store to purchase a quote card.",
};

/** A wrong reply to calls for the first page of one security. Other calls get correct replies. */
export interface WrongReply {
  /** Market and code, such as `HK.00700`. */
  readonly symbol: string;
  /**
   * - `unknown stock`, `wrong kind`: a refusal, although the security exists
   * - `empty`: a success without rows
   * - `older`: the newest rows are missing
   * - `shorter`: the oldest rows of the page are missing
   */
  readonly reply: "unknown stock" | "wrong kind" | "empty" | "older" | "shorter";
  /** The number of missing rows, for `older` and `shorter`. */
  readonly missing: number;
  /** The number of calls that get this reply. */
  readonly times: number;
}

/** The range of published rows that a wrong reply may contain, or the message of its refusal. */
export function wrongRange(
  { reply, missing }: WrongReply,
  rowsWanted: number,
): readonly [from: number, to: number] | string {
  if (reply === "unknown stock") return REFUSALS.unknownStock;
  if (reply === "wrong kind") return REFUSALS.wrongKind;
  if (reply === "empty") return [0, 0];
  return reply === "older" ? [missing, Number.POSITIVE_INFINITY] : [0, Math.max(0, rowsWanted - missing)];
}

export const LOGIN_FAULTS: Readonly<Record<string, (request: RequestFrame) => FaultEffect>> = {
  "login: header error": (request) => [reply(request, NOTHING, -1, "key error")],
  "login: throttled": (request) => [reply(request, NOTHING, 9, "登录失败")],
  "login: refused without text": (request) => [loginRefusal(request, "")],
  "login: no body": (request) => [reply(request, NOTHING)],
  "login: no content": (request) => [
    reply(request, toBinary(LoginResponseSchema, create(LoginResponseSchema, { retType: 0 }))),
  ],
  "login: relay lost": (request) => [reply(request, NOTHING, 3, "disconnected")],
  "login: not protobuf": (request) => [reply(request, new Uint8Array([0xff, 0xff, 0xff]))],
  "login: silence": () => "silence",
  "login: drop": () => "drop",
};

export const CALL_FAULTS: Readonly<
  Record<string, (request: RequestFrame, correct: Uint8Array) => FaultEffect>
> = {
  "push first": (request, correct) => [
    encodeReply({
      command: 1003,
      section: request.section,
      error: 0,
      errorText: "",
      body: toBinary(NotifySchema, create(NotifySchema, { retType: 0, s2c: { type: 3 } })),
    }),
    reply({ ...request, section: 0n }, NOTHING),
    correct,
  ],
  "other section": (request) => [reply({ ...request, section: request.section + 7n }, NOTHING)],
  "text frame": () => ["ft-v1.0"],
  "short frame": (_, correct) => [correct.slice(0, 43)],
  "wrong sign": (_, correct) => [Uint8Array.from(correct, (byte, index) => (index === 0 ? 0x46 : byte))],
  "not protobuf": (request) => [reply(request, new Uint8Array([0x08, 0x80]))],
  "not this protobuf": (request) => [reply(request, new Uint8Array([0xa0, 0x06, 0x01]))],
  "no content": (request) => [
    reply(request, toBinary(ResponseSchema, create(ResponseSchema, { retType: 0, retMsg: "" }))),
  ],
  "no body": (request) => [reply(request, NOTHING)],
  "wrong market": (request) => [
    reply(
      request,
      toBinary(
        ResponseSchema,
        create(ResponseSchema, {
          retType: 0,
          s2c: { usItemList: [{ timestamp: 1n }], hkItemList: [{ timestamp: 1n }] },
        }),
      ),
    ),
  ],
  "header error 1": (request) => [reply(request, NOTHING, 1)],
  "header error 2": (request) => [reply(request, NOTHING, 2)],
  "header error 3": (request) => [reply(request, NOTHING, 3)],
  "header error 9": (request) => [reply(request, NOTHING, 9, "internal text")],
  "header error with an account": (request) => [reply(request, NOTHING, 9, "user 1234")],
  "relay lost": () => [encodeReply({ command: 2, section: 0n, error: 0, errorText: "", body: NOTHING })],
  drop: () => "drop",
  silence: () => "silence",
  "unknown stock": (request) => [refusal(request, REFUSALS.unknownStock)],
  "unknown stock in English": (request) => [refusal(request, "Unknown stock")],
  "wrong kind": (request) => [refusal(request, REFUSALS.wrongKind)],
  "no permission": (request) => [refusal(request, REFUSALS.noPermission)],
  frequency: (request) => [refusal(request, REFUSALS.frequency)],
  "frequency in English": (request) => [refusal(request, "Requests too frequent, at most 30 in 30 seconds")],
  "other refusal": (request) => [refusal(request, "internal text")],
};

/** Whether a fault concerns each call. */
export const isCallFault = (fault: string): boolean => fault in CALL_FAULTS;
