import type { TestProject } from "vitest/node";
import { startControl } from "../stand-ins/control.ts";

declare module "vitest" {
  interface ProvidedContext {
    controlUrl: string;
  }
}

/** Starts the process that hosts the stand-ins, once for all tests. */
export default async function setup(project: TestProject) {
  const control = await startControl();
  project.provide("controlUrl", control.url);
  return () => control.close();
}
