import { expect, it } from "vitest";
import { worstWindow } from "./arrivals.ts";

const call = (name: string, earliest: number, latest = earliest) => ({ name, earliest, latest });
const worst = (...calls: ReturnType<typeof call>[]) => worstWindow(calls, 10).map(({ name }) => name);

it.each([
  ["two calls that are exactly a window apart", [call("a", 0), call("b", 10)], ["a", "b"]],
  ["one of two calls that are more than a window apart", [call("a", 0), call("b", 11)], ["a"]],
  ["a late arrival of the first call", [call("a", 0, 5), call("b", 15)], ["a", "b"]],
  ["an early arrival of the second call", [call("a", 5), call("b", 15, 30)], ["a", "b"]],
  ["the window with most calls", [call("a", 0), call("b", 20), call("c", 30), call("d", 41)], ["b", "c"]],
  ["a call that can arrive in either window", [call("a", 0), call("b", 8, 40), call("c", 50)], ["a", "b"]],
])("worst window includes %s", (_, calls, names) => {
  expect(worst(...calls)).toEqual(names);
});
