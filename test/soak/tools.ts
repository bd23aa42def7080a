import { array, boolean, object, optional, parse, string, unknown } from "valibot";
import { checkLatest, checkTold } from "./answers.ts";
import type { DataCentre } from "./data-centers.ts";
import { parseExactly } from "./exact-json.ts";
import { pick } from "./plan.ts";
import { ask, expectCode, IN_THE_WAY } from "./requests.ts";
import { KEPT, type World } from "./world.ts";

/** A language model that calls tools over the Model Context Protocol. */

const Reply = object({
  result: object({
    content: array(object({ text: string() })),
    structuredContent: optional(unknown()),
    isError: optional(boolean()),
  }),
});
const Problem = object({ code: string() });

export async function askTool(
  world: World,
  centre: DataCentre,
  caller: string,
  random: () => number,
): Promise<void> {
  const { report, published, callers } = world.parts;
  const symbol = pick(KEPT, random);
  const num = 1 + Math.floor(random() * 50);
  const isPage = random() < 0.6;
  const symbols = [...new Set([symbol, pick(KEPT, random)])];
  const [name, input] = isPage
    ? ["get_short_interest", { symbol, num }]
    : ["compare_short_interest", { symbols }];
  const answer = await ask(world, centre, {
    path: "/mcp",
    caller: callers(caller),
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: input } }),
  });
  if (!answer) return;
  if (answer.status !== 200) return expectCode(world, name, answer, IN_THE_WAY);
  const { content, structuredContent, isError } = parse(Reply, parseExactly(answer.text)).result;
  report.count("read: tools");
  if (isError) {
    const { code } = parse(Problem, JSON.parse(content[0]?.text ?? ""));
    return expectCode(world, name, { ...answer, code }, IN_THE_WAY);
  }
  if (isPage) {
    const checked = checkTold(published, symbol, num, structuredContent);
    if (typeof checked === "string") report.violated("cached", checked);
    return;
  }
  const { problem, codes } = checkLatest(published, symbols, structuredContent);
  if (problem) report.violated("cached", `${name}: ${problem}`);
  for (const code of codes) expectCode(world, name, { ...answer, code }, IN_THE_WAY);
}
