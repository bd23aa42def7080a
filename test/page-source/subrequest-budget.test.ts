import { describe, expect, it } from "vitest";
import { createSubrequestBudget } from "../../functions/page-source/subrequest-budget.ts";

describe("subrequest budget", () => {
  it("runs as many lookups at once as fit, and the next when one ends", async () => {
    const budget = createSubrequestBudget((lookups) => lookups <= 2);
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const started: number[] = [];
    const run = (number: number, work: Promise<void>) =>
      budget.run(() => {
        started.push(number);
        return work;
      });
    const lookups = [run(1, first.promise), run(2, second.promise), run(3, Promise.resolve())];
    await Promise.resolve();
    expect(started).toEqual([1, 2]);
    second.resolve();
    await lookups[2];
    expect(started).toEqual([1, 2, 3]);
    first.resolve();
    await Promise.all(lookups);
  });

  it("counts tracked work, and runs a waiting lookup when that work fails", async () => {
    const budget = createSubrequestBudget((lookups) => lookups <= 1);
    const { promise, reject } = Promise.withResolvers<void>();
    const tracked = budget.track(promise);
    const waiting = budget.run(async () => "done");
    reject(new Error("broken"));
    await expect(tracked).rejects.toThrow("broken");
    expect(await waiting).toBe("done");
  });

  it("refuses a lookup with subrequest_limit if none ever fits", async () => {
    const budget = createSubrequestBudget(() => false);
    await expect(budget.run(async () => "done")).rejects.toMatchObject({
      code: "subrequest_limit",
      retryAfterMs: 1_000,
    });
    expect(budget.hasCapacity()).toBe(false);
  });
});
