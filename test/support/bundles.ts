import { readFile } from "node:fs/promises";
import { build, transform } from "esbuild";
import { bundledWorker } from "./workerd.ts";

/** Scripts for workerd. */
const BUILDS = {
  /** The deployed script. */
  worker: () => bundledWorker(),
  /** The Worker with short deadlines. */
  "short-deadlines": async () => {
    const entryPoints = ["test/support/short-deadlines-worker.ts"];
    const { outputFiles } = await build({ entryPoints, bundle: true, format: "esm", write: false });
    return outputFiles[0]?.text ?? "";
  },
  /** The Cache API of a Worker. */
  "edge-cache": async () => {
    const source = await readFile("test/bench/fixtures/cache-service.ts", "utf8");
    return (await transform(source, { loader: "ts", format: "esm" })).code;
  },
} satisfies Readonly<Record<string, () => Promise<string>>>;

export type BundleName = keyof typeof BUILDS;

/** Returns scripts by their names. Builds each at its first use, and once only. */
export function createBundles(): (name: BundleName) => Promise<string> {
  const started = new Map<BundleName, Promise<string>>();
  return (name) => {
    const script = started.get(name) ?? BUILDS[name]();
    started.set(name, script);
    return script;
  };
}
