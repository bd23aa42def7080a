import { array, boolean, object, optional, parse, string, unknown } from "valibot";
import type { DataCenter } from "./data-centers.ts";
import { parseExactly } from "./exact-json.ts";
import { pick } from "./plan.ts";
import { expectCode, FAULT_CODES, sendRequest } from "./requests.ts";
import { checkLatest, checkToolPage } from "./response-checks.ts";
import { STORED_SYMBOLS, type World } from "./world.ts";

/** A client of the MCP endpoint that calls a random tool. */

const Reply = object({
  result: object({
    content: array(object({ text: string() })),
    structuredContent: optional(unknown()),
    isError: optional(boolean()),
  }),
});
const Problem = object({ code: string() });

export async function callTool(
  world: World,
  center: DataCenter,
  caller: string,
  random: () => number,
): Promise<void> {
  const { report, published, callers } = world.deps;
  const symbol = pick(STORED_SYMBOLS, random);
  const num = 1 + Math.floor(random() * 50);
  const isPage = random() < 0.6;
  const symbols = [...new Set([symbol, pick(STORED_SYMBOLS, random)])];
  const [name, input] = isPage
    ? ["get_short_interest", { symbol, num }]
    : ["compare_short_interest", { symbols }];
  const response = await sendRequest(world, center, {
    path: "/mcp",
    caller: callers(caller),
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: input } }),
  });
  if (!response) return;
  if (response.status !== 200) return expectCode(world, name, response, FAULT_CODES);
  const { content, structuredContent, isError } = parse(Reply, parseExactly(response.text)).result;
  report.count("requests: × MCP tool call");
  if (isError) {
    const { code } = parse(Problem, JSON.parse(content[0]?.text ?? ""));
    return expectCode(world, name, { ...response, code }, FAULT_CODES);
  }
  if (isPage) {
    const checked = checkToolPage(published, symbol, num, structuredContent);
    if (typeof checked === "string") report.violation("incorrectResponse", checked);
    return;
  }
  const { problem, codes } = checkLatest(published, symbols, structuredContent);
  if (problem) report.violation("incorrectResponse", `${name}: ${problem}`);
  for (const code of codes) expectCode(world, name, { ...response, code }, FAULT_CODES);
}
