import type { Config } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import type { OpendAddress } from "../../functions/opend/connect.ts";
import { FIRST_CURSOR, MAX_ROWS, pageOf } from "../../functions/short-interest/page.ts";
import { formatSymbol, type SecuritySymbol } from "../../functions/short-interest/symbol.ts";
import type { S2C } from "../../gen/Qot_GetShortInterest_pb.js";
import { type Check, type Finding, failed, ok, skipped, warning } from "./check.ts";
import type { OpendState } from "./opend.ts";
import { explainFailure, quoteOpend } from "./opend-advice.ts";
import { type CallPage, createCallPage, isOwnLimit, type WithPermit } from "./page-call.ts";

/** Stocks that every OpenD with quotes of their market knows. */
const HK_STOCK = { market: "HK", code: "00700" } as const;
const US_STOCK = { market: "US", code: "AAPL" } as const;

/** @param withPermit undefined if Upstash is unavailable, so that no call can be made */
export function callCheck({ opend }: Config, state: OpendState, withPermit: WithPermit | undefined): Check {
  return {
    name: "opend call",
    exit: 37,
    async run() {
      const { session } = state;
      if (!withPermit) return skipped("not run: a call needs a permit from Upstash");
      if (session === undefined || session instanceof Failure) return skipped("not run: no session");
      return checkCall(opend, createCallPage(session, withPermit));
    },
  };
}

/** Calls a Hong Kong stock. If the account has no right for Hong Kong, it calls a US stock as well. */
async function checkCall(opend: OpendAddress, call: CallPage): Promise<Finding> {
  const callFirstPage = async (symbol: SecuritySymbol) =>
    rowsOf(symbol, await call({ symbol, cursor: FIRST_CURSOR, num: MAX_ROWS }));
  const hk = await callFirstPage(HK_STOCK);
  if (!(hk instanceof Failure)) return describeRows(HK_STOCK, hk);
  if (isOwnLimit(hk)) return skipped("not run: the rate limit is used up at the moment");
  if (hk.code !== "opend_no_permission") return explainFailure(hk, opend);
  const us = await callFirstPage(US_STOCK);
  if (us instanceof Failure) {
    const [finding, other] = [explainFailure(hk, opend), explainFailure(us, opend)];
    return failed(
      `HK.00700: ${finding.message}; US.AAPL: ${other.message}`,
      us.code === "opend_no_permission"
        ? "OpenD's account has no permission for quotes of Hong Kong or the US. Get it from Futu or moomoo."
        : "OpenD's account has no permission for Hong Kong quotes. Run the doctor again to try the US.",
    );
  }
  return warning(
    `US only: Qot_GetShortInterest (3249) returned ${us.length} rows of US.AAPL, but no permission for HK.00700${quoteOpend(hk, opend)}`,
    "Symbols of Hong Kong get the error opend_no_permission. Get the permission from Futu or moomoo if you need them.",
  );
}

function describeRows(symbol: SecuritySymbol, { length }: readonly unknown[]): Finding {
  const message = `Qot_GetShortInterest (3249) returned ${length} rows of ${formatSymbol(symbol)}`;
  if (length > 0) return ok(message);
  return warning(message, "This stock has short interest. Make a report: npm run doctor -- report.");
}

function rowsOf({ market }: SecuritySymbol, reply: S2C | Failure) {
  if (reply instanceof Failure) return reply;
  try {
    return pageOf(market, FIRST_CURSOR, reply).rows;
  } catch (thrown) {
    return Failure.from(thrown);
  }
}
