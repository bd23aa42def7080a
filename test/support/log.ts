import { beforeEach, vi } from "vitest";

const lines: string[] = [];

// Each request writes a line, and vitest would carry each one to another process.
beforeEach(() => {
  lines.length = 0;
  vi.spyOn(console, "log").mockImplementation((line) => {
    lines.push(String(line));
  });
});

/** What this test has written to the log so far, line by line. */
export const logLines = (): readonly string[] => lines;
