import { isFieldSet } from "@bufbuild/protobuf";
import * as GlobalState from "../../gen/GetGlobalState_pb.js";
import * as KeepAlive from "../../gen/KeepAlive_pb.js";
import { QotMarket } from "../../gen/Qot_Common_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import { Failure } from "../errors.ts";
import { OpendQuery, parseInput } from "../http/parameters.ts";
import { GET_SHORT_INTEREST } from "../opend/short-interest.ts";
import type { PageSource } from "../page-source/page-source.ts";
import type { SubrequestBudget } from "../page-source/subrequest-budget.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import { pageProtobuf } from "../short-interest/protobuf.ts";
import { parseSymbol } from "../short-interest/symbol.ts";
import { bodyOf, read } from "./bodies.ts";
import type { CommandHandler } from "./connection.ts";
import type { CommandReply, Request } from "./framing.ts";
import { type Login, type LoginReply, SERVER_VERSION } from "./logins.ts";
import { refusalBody } from "./refusal-messages.ts";

const GET_GLOBAL_STATE = 1002;
const KEEP_ALIVE = 1004;
/** OpenD's own default of `num`. */
const DEFAULT_ROWS = 10;

const MARKETS: ReadonlyMap<number, string> = new Map([
  [QotMarket.QotMarket_HK_Security, "HK"],
  [QotMarket.QotMarket_US_Security, "US"],
]);

/** `Qot_Common.QotMarketState`: unknown. */
const UNKNOWN_STATE = 0;
const MARKET_STATES = {
  marketHK: UNKNOWN_STATE,
  marketUS: UNKNOWN_STATE,
  marketSH: UNKNOWN_STATE,
  marketSZ: UNKNOWN_STATE,
  marketHKFuture: UNKNOWN_STATE,
};

export interface CommandHandlerDeps {
  readonly login: Login;
  /**
   * Runs one call of a logged-in client with a page source of its own, and writes its log line.
   * @throws Failure of the call, or `too_many_requests`
   */
  readonly runCall: <T>(client: string, call: (pages: PageSource) => Promise<T>) => Promise<T>;
  readonly budget: SubrequestBudget;
  /** Unix time, milliseconds. */
  readonly now: () => number;
}

/** Handles the commands that OpenD's own clients need for short interest, and refuses all others. */
export function createCommandHandler({ login, runCall, budget, now }: CommandHandlerDeps): CommandHandler {
  /** The last login. It may be pending, and fail: then the one before it counts. */
  let current: Promise<LoginReply | undefined> = Promise.resolve(undefined);
  const seconds = () => BigInt(Math.floor(now() / 1_000));

  async function logIn(request: Request): Promise<CommandReply> {
    const before = current;
    const attempt = request.body().then(login.accept);
    current = attempt.catch(() => before);
    const reply = await attempt;
    return { ...reply, loggedIn: reply.client !== undefined };
  }

  async function page(body: Uint8Array, pages: PageSource): Promise<CommandReply> {
    const { c2s } = read(ShortInterest.RequestSchema, body);
    const { market = QotMarket.QotMarket_Unknown, code = "" } = c2s?.security ?? {};
    const { nextKey = FIRST_CURSOR } = c2s ?? {};
    const num = c2s && isFieldSet(c2s, ShortInterest.C2SSchema.field.num) ? c2s.num : DEFAULT_ROWS;
    parseInput(OpendQuery, { num, next_key: nextKey });
    const marketName = MARKETS.get(market);
    if (marketName === undefined) {
      throw new Failure(
        "unsupported_market",
        "Short interest is available for the markets 1 (HK) and 11 (US) only",
      );
    }
    const symbol = parseSymbol(`${marketName}.${code}`);
    const result = await pages.page(symbol, nextKey, num);
    return { body: pageProtobuf(result.page) };
  }

  function globalState(body: Uint8Array): CommandReply {
    read(GlobalState.RequestSchema, body);
    const versions = { serverVer: SERVER_VERSION, serverBuildNo: 0 };
    const s2c = { ...MARKET_STATES, ...versions, qotLogined: true, trdLogined: false, time: seconds() };
    return { body: bodyOf(GlobalState.ResponseSchema, { retType: 0, retMsg: "", errCode: 0, s2c }) };
  }

  function keepAlive(body: Uint8Array): CommandReply {
    read(KeepAlive.RequestSchema, body);
    return { body: bodyOf(KeepAlive.ResponseSchema, { retType: 0, s2c: { time: seconds() } }) };
  }

  return {
    async handle(request) {
      if (request.command === login.command) return logIn(request);
      const client = (await current)?.client;
      if (client === undefined) {
        throw new Failure("unauthorized", `Not logged in: send ${login.name} first`);
      }
      const body = await request.body();
      if (request.command === GET_SHORT_INTEREST) return runCall(client, (pages) => page(body, pages));
      if (request.command === GET_GLOBAL_STATE) return globalState(body);
      if (request.command === KEEP_ALIVE) return keepAlive(body);
      throw new Failure("not_found", "Unsupported command: only 3249 (Qot_GetShortInterest) is available");
    },
    refuse: (failure) => ({ body: refusalBody(failure) }),
    hasCapacity: () => budget.hasCapacity(),
  };
}
