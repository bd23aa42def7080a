import { array, type InferOutput, number, object, optional, string } from "valibot";
import { Anything, openInspector } from "./inspector.ts";

/** As V8 writes a profile of the processor. */
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

/** In microseconds: short enough to see what takes a part of a millisecond. */
const SAMPLING_US = 200;

/** Profiles a Worker while `work` asks it. */
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
 * What part of the time that was not idle was spent in each file and in what of the runtime it called, most
 * first.
 * @param fileOf the file of a line of the script
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
  for (const [at, id] of samples.entries()) {
    const place = placeOf(id).replace("(root)", "the runtime");
    if (place !== "(idle)") times.set(place, (times.get(place) ?? 0) + (timeDeltas[at] ?? 0));
  }
  const sum = times.values().reduce((total, time) => total + time, 0);
  return Array.from(times, ([file, time]): [string, number] => [file, time / sum]).sort(
    ([, a], [, b]) => b - a,
  );
}

/** Which file or package each line of an unminified script is of: esbuild names it above each file's part. */
export function filesOf(script: string): (line: number) => string | undefined {
  let file: string | undefined;
  const files = script.split("\n").map((line) => {
    const path = /^\/\/ ((?:functions|gen|node_modules)\/\S+)$/.exec(line)?.[1];
    if (path !== undefined) file = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path;
    return file;
  });
  return (line) => files[line];
}
