import { describe, expect, it } from "vitest";
import {
  isShortLived,
  pageLifetime,
  REVALIDATE_GRACE_MS,
  revalidateAfter,
} from "../../../functions/page-source/freshness.ts";
import { OLD_POLICY } from "./old-policy.ts";

const NOW = 1_800_000_000_000;

describe("OLD_POLICY", () => {
  it("gives pages the lifetimes of the Worker", () => {
    for (const cursor of ["", "1772121600"]) {
      expect(OLD_POLICY.freshUntil({ cursor, fetchedAt: NOW })).toBe(pageLifetime(cursor, NOW).freshUntil);
    }
    expect(OLD_POLICY.graceMs).toBe(REVALIDATE_GRACE_MS);
  });

  it("revalidates edge copies when the Worker does", () => {
    for (const staleMs of [0, 86_400_000]) {
      for (const ageMs of [-3_600_000, -100_000, 0, 1, 60_000, 300_000, 3_600_000]) {
        for (const waitMs of [0, 10_000, 90_000]) {
          const copy = { freshUntil: NOW - ageMs, staleUntil: NOW - ageMs + staleMs };
          expect(isShortLived(copy)).toBe(staleMs === 0);
          expect(OLD_POLICY.revalidateAfter(copy, NOW, waitMs)).toBe(revalidateAfter(copy, NOW, waitMs));
        }
      }
    }
  });
});
