import { number, object } from "valibot";
import { Anything, openInspector } from "./inspector.ts";

/** The heap of a Worker's isolate, as its inspector tells it. */
export interface Heap {
  /** KiB that are in use once the garbage is collected. */
  usedKiB(): Promise<number>;
  close(): void;
}

/**
 * @param host and port of the inspector; the Worker has answered a request already
 * @param name of the Worker
 */
export async function inspectHeap(host: string, name: string): Promise<Heap> {
  const inspector = await openInspector(host, name);
  // Nothing else: it would be told each line of the log as well.
  await inspector.call("HeapProfiler.enable", Anything);
  return {
    async usedKiB() {
      // The garbage is collected for a snapshot; asked to collect it alone, workerd does not answer.
      await inspector.call("HeapProfiler.takeHeapSnapshot", Anything);
      const { usedSize } = await inspector.call("Runtime.getHeapUsage", object({ usedSize: number() }));
      return usedSize / 1_024;
    },
    close: inspector.close,
  };
}
