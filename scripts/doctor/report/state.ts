import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Failure } from "../../../functions/errors.ts";
import type { OpendSession } from "../../../functions/opend/session.ts";
import * as GlobalState from "../../../gen/GetGlobalState_pb.js";
import * as KeepAlive from "../../../gen/KeepAlive_pb.js";

const GET_GLOBAL_STATE = 1002;
const KEEP_ALIVE = 1004;

/** The facts that OpenD states about itself. Undefined if it was not asked; a failure if it did not answer. */
export interface OpendFacts {
  readonly keepAlive?: true | Failure;
  readonly version?:
    | { readonly version: number; readonly build: number; readonly isLoggedIn: boolean }
    | Failure;
}

/** Asks for OpenD's state, outside of its rate limit. A command without a reply ends the session, so ask last. */
export async function readState({ call, isOpen }: OpendSession, now: number): Promise<OpendFacts> {
  const { signal } = new AbortController();
  if (!isOpen()) return {};
  const keepAlive = await call(KEEP_ALIVE, keepAliveRequest(now), signal)
    .then((reply) => successOf(fromBinary(KeepAlive.ResponseSchema, reply)))
    .then(() => true as const)
    .catch(Failure.from);
  if (!isOpen()) return { keepAlive };
  const version = await call(GET_GLOBAL_STATE, stateRequest(), signal)
    .then((reply) => successOf(fromBinary(GlobalState.ResponseSchema, reply)))
    .then(({ serverVer, serverBuildNo, qotLogined }) => {
      return { version: serverVer, build: serverBuildNo, isLoggedIn: qotLogined };
    })
    .catch(Failure.from);
  return { keepAlive, version };
}

function keepAliveRequest(now: number): Uint8Array {
  const request = create(KeepAlive.RequestSchema, { c2s: { time: BigInt(Math.floor(now / 1_000)) } });
  return toBinary(KeepAlive.RequestSchema, request);
}

function stateRequest(): Uint8Array {
  return toBinary(GlobalState.RequestSchema, create(GlobalState.RequestSchema, { c2s: { userID: 0n } }));
}

interface Reply<S2C> {
  readonly retType: number;
  readonly retMsg: string;
  readonly s2c?: S2C | undefined;
}

function successOf<S2C extends object>({ retType, retMsg, s2c }: Reply<S2C>): S2C {
  if (retType === 0 && s2c !== undefined) return s2c;
  throw new Failure("opend_failed", "OpenD refused the command", { opendReply: { retType, text: retMsg } });
}
