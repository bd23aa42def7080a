import {
  create,
  type DescMessage,
  fromBinary,
  isFieldSet,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import * as Login from "../../gen/InitWebSocket_pb.js";
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
import type { CommandHandler, CommandReply } from "./connection.ts";
import { refusalBody } from "./refusal-messages.ts";

const INIT_WEB_SOCKET = 1;
const KEEP_ALIVE = 1004;
/** OpenD's own default of `num`. */
const DEFAULT_ROWS = 10;
/** OpenD's own client does not retry a login after any header error. */
const LOGIN_REFUSED = -1;

const MARKETS: ReadonlyMap<number, string> = new Map([
  [QotMarket.QotMarket_HK_Security, "HK"],
  [QotMarket.QotMarket_US_Security, "US"],
]);

export interface CommandHandlerDeps {
  /**
   * Authenticates a client by the MD5 of its key.
   * @throws Failure `unauthorized`
   */
  readonly logIn: (md5: string) => Promise<string>;
  /**
   * The page source for one request of a logged-in client.
   * @throws Failure `too_many_requests`
   */
  readonly pagesFor: (client: string) => Promise<PageSource>;
  readonly budget: SubrequestBudget;
  /** Unix time, milliseconds. */
  readonly now: () => number;
}

/** Handles the commands that OpenD's own clients need for short interest, and refuses all others. */
export function createCommandHandler({ logIn, pagesFor, budget, now }: CommandHandlerDeps): CommandHandler {
  /** The authenticated client; pending during the login, undefined before it. */
  let client: Promise<string> | undefined;
  const seconds = () => BigInt(Math.floor(now() / 1_000));

  async function init(body: Uint8Array): Promise<CommandReply> {
    const { c2s } = read(Login.RequestSchema, body);
    client = logIn(c2s?.websocketKey ?? "");
    try {
      await client;
    } catch {
      const failure = new Failure("unauthorized", "Unknown API key");
      return { body: refusalBody(failure), error: LOGIN_REFUSED, last: true };
    }
    const s2c = { serverTime: seconds(), connID: crypto.getRandomValues(new BigUint64Array(1))[0] ?? 1n };
    return { ...replyOf(Login.ResponseSchema, { retType: 0, retMsg: "", errCode: 0, s2c }), loggedIn: true };
  }

  async function page(body: Uint8Array, name: string): Promise<CommandReply> {
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
    const pages = await pagesFor(name);
    const result = await pages.page(symbol, nextKey, num);
    return { body: pageProtobuf(result.page) };
  }

  return {
    async handle({ command, body }) {
      if (command === INIT_WEB_SOCKET) return init(body);
      if (!client) throw new Failure("unauthorized", "Not logged in: send InitWebSocket first");
      const name = await client;
      if (command === GET_SHORT_INTEREST) return page(body, name);
      if (command === KEEP_ALIVE) {
        read(KeepAlive.RequestSchema, body);
        return replyOf(KeepAlive.ResponseSchema, { retType: 0, s2c: { time: seconds() } });
      }
      throw new Failure("not_found", "Unsupported command: only 3249 (Qot_GetShortInterest) is available");
    },
    refuse: (failure) => ({ body: refusalBody(failure) }),
    hasCapacity: () => budget.hasCapacity(),
  };
}

/** @throws Failure `invalid_parameter` for a body that cannot be decoded */
function read<Schema extends DescMessage>(schema: Schema, body: Uint8Array): MessageShape<Schema> {
  try {
    return fromBinary(schema, body);
  } catch {
    // The parser's message quotes bytes of the body.
    throw new Failure("invalid_parameter", "Cannot decode the request", { parameter: "c2s" });
  }
}

function replyOf<Schema extends DescMessage>(schema: Schema, fields: MessageInitShape<Schema>): CommandReply {
  return { body: toBinary(schema, create(schema, fields)) };
}
