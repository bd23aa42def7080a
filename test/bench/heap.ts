import { number, object } from "valibot";
import { Anything, openInspector } from "./inspector.ts";

/** The heap of a Worker's isolate, read through its inspector. */
export interface Heap {
  /** Resolves to the used heap after a garbage collection, in KiB. */
  usedKiB(): Promise<number>;
  close(): void;
}

/**
 * Opens the inspector of a Worker that has served at least one request.
 * @param host host and port of the inspector
 * @param name name of the Worker
 */
export async function inspectHeap(host: string, name: string): Promise<Heap> {
  const inspector = await openInspector(host, name);
  // Only this domain: others would report every line of the log.
  await inspector.call("HeapProfiler.enable", Anything);
  return {
    async usedKiB() {
      // A snapshot collects the garbage first. workerd does not answer HeapProfiler.collectGarbage.
      await inspector.call("HeapProfiler.takeHeapSnapshot", Anything);
      const { usedSize } = await inspector.call("Runtime.getHeapUsage", object({ usedSize: number() }));
      return usedSize / 1_024;
    },
    close: inspector.close,
  };
}
