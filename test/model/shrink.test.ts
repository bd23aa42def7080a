import { expect, it } from "vitest";
import { shrink } from "./shrink.ts";

it("shrink() returns only the steps that are necessary for a failure, in order", async () => {
  const steps = Array.from({ length: 40 }, (_, step) => step);
  const needed = [3, 17, 18, 39];
  let runs = 0;
  const remaining = await shrink(steps, async (shorter) => {
    runs += 1;
    return needed.every((step) => shorter.includes(step));
  });
  expect(remaining).toEqual(needed);
  expect(runs).toBeLessThan(400);
});
