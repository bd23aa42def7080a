import type { TestProject } from "vitest/node";
import { startControl } from "../stand-ins/control.ts";

declare module "vitest" {
  interface ProvidedContext {
    controlUrl: string;
  }
}

/** Starts the stand-ins' host once for all tests. */
export default async function setup(project: TestProject) {
  const control = await startControl();
  project.provide("controlUrl", control.url);
  return () => control.close();
}
