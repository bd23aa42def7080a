import { expect, it } from "vitest";
import { createSubrequestBudget } from "../../functions/page-source/subrequest-budget.ts";

const later = () => {
  let finish = () => {};
  const work = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { work, finish };
};

it("lets in as many at once as there is room for, and the next when one has ended", async () => {
  const budget = createSubrequestBudget((pages) => pages <= 2);
  const [one, two] = [later(), later()];
  const begun: number[] = [];
  const run = (name: number, work: Promise<void>) =>
    budget.run(() => {
      begun.push(name);
      return work;
    });
  const all = [run(1, one.work), run(2, two.work), run(3, Promise.resolve())];
  await Promise.resolve();
  expect(begun).toEqual([1, 2]);
  two.finish();
  await all[2];
  expect(begun).toEqual([1, 2, 3]);
  one.finish();
  await Promise.all(all);
});

it("counts what is under way already, and wakes who waits when it fails", async () => {
  const budget = createSubrequestBudget((pages) => pages <= 1);
  let fail = (_: Error) => {};
  const held = budget.track(
    new Promise<void>((_, reject) => {
      fail = reject;
    }),
  );
  const waiting = budget.run(async () => "in");
  fail(new Error("broken"));
  await expect(held).rejects.toThrow("broken");
  expect(await waiting).toBe("in");
});

it("refuses where there will never be room", async () => {
  const budget = createSubrequestBudget(() => false);
  await expect(budget.run(async () => "in")).rejects.toMatchObject({
    code: "subrequest_limit",
    retryAfterMs: 1_000,
  });
  expect(budget.hasCapacity()).toBe(false);
});
