import { requireJson } from "../http/formats.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { stringify } from "../short-interest/json.ts";
import { answerBody } from "./protocol.ts";
import { callTool, TOOLS } from "./tools.ts";

const SERVER = {
  info: { name: "short-interest-edge", title: "Short interest", version: "1" },
  instructions: [
    "Short interest of Hong Kong and US stocks and funds. A symbol is a market and a code: HK.00700, US.AAPL.",
    "Rows are dated in the market's time zone. Numbers of shares are whole shares and can exceed 2^53.",
    "Ratios are percentages: 0.56 means 0.56%. null means unknown, never zero.",
    "stale: true means that the data is cached and may be outdated. A failed tool call returns problem details:",
    "code names the error, detail explains it, and retry_after is the number of seconds to wait.",
  ].join(" "),
  tools: TOOLS.map(({ listed }) => listed),
};

/** `POST /mcp`: handles a message or a batch of the Model Context Protocol. */
export async function postMcp(context: AppContext): Promise<Response> {
  const { req, var: scope } = context;
  requireJson(req.header("Content-Type"));
  const server = {
    ...SERVER,
    call: (name: string, input: unknown) => callTool(name, input, scope.pageSource),
  };
  const { status, body } = await answerBody(await req.text(), req.raw.headers, server);
  const headers = { "Cache-Control": "no-store" };
  if (body === undefined) return new Response(null, { status, headers });
  return new Response(stringify(body), {
    status,
    headers: { ...headers, "Content-Type": "application/json" },
  });
}
