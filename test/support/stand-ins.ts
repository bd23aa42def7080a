import { inject } from "vitest";
import type { Controls } from "../stand-ins/control.ts";

/** The stand-ins' controls, from a test. */
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
