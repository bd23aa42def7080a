import { CURSOR_ASSUMPTIONS } from "./cursor-assumptions.ts";
import { REFUSAL_ASSUMPTIONS } from "./refusal-assumptions.ts";
import { ROW_ASSUMPTIONS } from "./row-assumptions.ts";
import { type Assumption, notSeen, verdict } from "./verdict.ts";

const CONNECTION_ASSUMPTIONS: readonly Assumption[] = [
  {
    id: "server-time",
    statement: "The reply to InitWebSocket has OpenD's time.",
    otherwise: "The doctor cannot compare clocks.",
    judge: ({ serverTime }) =>
      serverTime === undefined
        ? notSeen("no login")
        : verdict(serverTime !== 0n, serverTime === 0n ? "serverTime is absent" : "serverTime is set"),
  },
  {
    id: "keep-alive",
    statement: "OpenD answers KeepAlive.",
    otherwise: "No effect: the service sends none.",
    judge: ({ answersKeepAlive }) =>
      answersKeepAlive === undefined
        ? notSeen("not asked")
        : verdict(answersKeepAlive, answersKeepAlive ? "answered" : "not answered"),
  },
];

/** What the code assumes about a real OpenD. A report judges each assumption. */
export const ASSUMPTIONS: readonly Assumption[] = [
  ...CONNECTION_ASSUMPTIONS,
  ...ROW_ASSUMPTIONS,
  ...CURSOR_ASSUMPTIONS,
  ...REFUSAL_ASSUMPTIONS,
];
