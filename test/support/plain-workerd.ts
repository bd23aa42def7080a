import { bundledWorker, startWorkerd } from "./workerd.ts";

/**
 * The Worker as it is deployed, in workerd and nothing else: what the development server puts in front of it
 * does not tell it that a client has left. It has no edge cache.
 */
export async function startPlainWorkerd(vars: Readonly<Record<string, string>>) {
  const { originOf, close } = await startWorkerd({ main: { script: await bundledWorker(), vars } });
  return { origin: originOf("main"), close };
}
