import { beforeEach, vi } from "vitest";

// Each request writes a line, and vitest carries each one to another process.
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => undefined);
});
