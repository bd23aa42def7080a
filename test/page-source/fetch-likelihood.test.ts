import { describe, expect, it } from "vitest";
import { createFetchLikelihood } from "../../functions/page-source/fetch-likelihood.ts";

/** The likelihood of a database of its own, after lookups that fetched their page or not. */
function likelihoodAfter(...fetched: boolean[]) {
  const likelihood = createFetchLikelihood(crypto.randomUUID());
  for (const one of fetched) likelihood.add(one);
  return likelihood;
}
const times = (count: number, fetched: boolean): boolean[] => Array(count).fill(fetched);

describe("fetch", () => {
  it.each([
    ["unlikely at first", [], false],
    ["unlikely after 4 lookups that fetched", times(4, true), false],
    ["likely after 5 lookups that fetched", times(5, true), true],
    ["likely if only the last of 21 lookups found a copy", times(20, true).concat(false), true],
    [
      "unlikely after 5 copies, however many lookups fetched before",
      [...times(100, true), ...times(5, false)],
      false,
    ],
  ])("is %s", (_, fetched, isLikely) => {
    expect(likelihoodAfter(...fetched).isLikely()).toBe(isLikely);
  });

  it("is unlikely after a failed connection, until 5 lookups have fetched", () => {
    const likelihood = likelihoodAfter(...times(100, true));
    likelihood.reset();
    expect(likelihood.isLikely()).toBe(false);
    for (const fetched of times(4, true)) likelihood.add(fetched);
    expect(likelihood.isLikely()).toBe(false);
    likelihood.add(true);
    expect(likelihood.isLikely()).toBe(true);
  });

  it("has a likelihood for the isolate, and one for each database", () => {
    const database = crypto.randomUUID();
    for (const fetched of times(5, true)) createFetchLikelihood(database).add(fetched);
    expect(createFetchLikelihood(database).isLikely()).toBe(true);
    expect(likelihoodAfter().isLikely()).toBe(false);
  });
});
