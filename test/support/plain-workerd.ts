import { bundledWorker, startWorkerd } from "./workerd.ts";

/**
 * Starts the deployed script in workerd. Unlike the development server, workerd reports the disconnect of a client.
 * There is no edge cache.
 */
export async function startPlainWorkerd(vars: Readonly<Record<string, string>>) {
  const { originOf, close } = await startWorkerd({ main: { script: await bundledWorker(), vars } });
  return { origin: originOf("main"), close };
}
