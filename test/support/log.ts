import { beforeEach, vi } from "vitest";

const lines: string[] = [];

// Vitest would send every line to another process.
beforeEach(() => {
  lines.length = 0;
  vi.spyOn(console, "log").mockImplementation((line) => {
    lines.push(String(line));
  });
});

/** The lines that this test has written to the log. */
export const logLines = (): readonly string[] => lines;
