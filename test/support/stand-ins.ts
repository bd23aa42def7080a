import { inject } from "vitest";
import type { Controls } from "../stand-ins/control.ts";

/** Controls the stand-ins from a test, over HTTP: they run in Node, tests in workerd. */
export const control: Controls = new Proxy({} as Controls, {
  get:
    (_, name) =>
    async (...args: unknown[]) => {
      const response = await fetch(inject("controlUrl"), {
        method: "POST",
        body: JSON.stringify({ name, args }),
      });
      const { result, error } = (await response.json()) as { result: unknown; error?: string };
      if (error !== undefined) throw new Error(error);
      return result;
    },
});
