import { expect, it } from "vitest";
import { shrink } from "./shrink.ts";

it("shrinking keeps only the steps that a failure needs, in their order", async () => {
  const steps = Array.from({ length: 40 }, (_, step) => step);
  const needed = [3, 17, 18, 39];
  let runs = 0;
  const cached = await shrink(steps, async (fewer) => {
    runs += 1;
    return needed.every((step) => fewer.includes(step));
  });
  expect(cached).toEqual(needed);
  expect(runs).toBeLessThan(400);
});
