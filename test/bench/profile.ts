import { array, type InferOutput, number, object, optional, string } from "valibot";
import { Anything, openInspector } from "./inspector.ts";

/** A CPU profile of V8. */
export const CpuProfile = object({
  nodes: array(
    object({
      id: number(),
      callFrame: object({ functionName: string(), lineNumber: number() }),
      children: optional(array(number())),
    }),
  ),
  samples: array(number()),
  timeDeltas: array(number()),
});
export type CpuProfile = InferOutput<typeof CpuProfile>;

/** Sampling interval in microseconds, short enough to resolve fractions of a millisecond. */
const SAMPLING_US = 200;

/** Profiles a Worker while `work` sends requests to it. */
export async function profileOf(
  host: string,
  name: string,
  work: () => Promise<unknown>,
): Promise<CpuProfile> {
  const inspector = await openInspector(host, name);
  try {
    await inspector.call("Profiler.enable", Anything);
    await inspector.call("Profiler.setSamplingInterval", Anything, { interval: SAMPLING_US });
    await inspector.call("Profiler.start", Anything);
    await work();
    const { profile } = await inspector.call("Profiler.stop", object({ profile: CpuProfile }));
    return profile;
  } finally {
    inspector.close();
  }
}

/**
 * Returns each file's share of the time that was not idle, in descending order. A file's share includes its calls into
 * the runtime.
 * @param fileOf returns the file of a line of the script
 */
export function shares(
  { nodes, samples, timeDeltas }: CpuProfile,
  fileOf: (line: number) => string | undefined,
): [file: string, share: number][] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const callers = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const placeOf = (id: number | undefined): string => {
    const node = id === undefined ? undefined : byId.get(id);
    if (!node) return "the runtime";
    const { functionName, lineNumber } = node.callFrame;
    if (functionName.startsWith("(") && functionName !== "(anonymous)") return functionName;
    return fileOf(lineNumber) ?? placeOf(callers.get(node.id));
  };
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const place = placeOf(id).replace("(root)", "the runtime");
    if (place !== "(idle)") times.set(place, (times.get(place) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const sum = times.values().reduce((total, time) => total + time, 0);
  return Array.from(times, ([file, time]): [string, number] => [file, time / sum]).sort(
    ([, a], [, b]) => b - a,
  );
}

/** Maps the lines of an unminified script to files or packages, by the comment that esbuild writes above each file. */
export function filesOf(script: string): (line: number) => string | undefined {
  let file: string | undefined;
  const files = script.split("\n").map((line) => {
    const path = /^\/\/ ((?:functions|gen|node_modules)\/\S+)$/.exec(line)?.[1];
    if (path !== undefined) file = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path;
    return file;
  });
  return (line) => files[line];
}
