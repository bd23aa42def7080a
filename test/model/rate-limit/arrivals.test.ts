import { expect, it } from "vitest";
import { busiestWindow } from "./arrivals.ts";

const call = (name: string, earliestMicros: number, latestMicros = earliestMicros) => ({
  name,
  earliestMicros,
  latestMicros,
});

it.each([
  ["two calls exactly one window apart", [call("a", 0), call("b", 10)], ["a", "b"]],
  ["one of two calls more than one window apart", [call("a", 0), call("b", 11)], ["a"]],
  ["a late arrival of the first call", [call("a", 0, 5), call("b", 15)], ["a", "b"]],
  ["an early arrival of the second call", [call("a", 5), call("b", 15, 30)], ["a", "b"]],
  [
    "the calls of the window with the most calls",
    [call("a", 0), call("b", 20), call("c", 30), call("d", 41)],
    ["b", "c"],
  ],
  ["a call that can arrive in either window", [call("a", 0), call("b", 8, 40), call("c", 50)], ["a", "b"]],
])("busiestWindow() includes %s", (_, calls, names) => {
  expect(busiestWindow(calls, 10).map(({ name }) => name)).toEqual(names);
});
