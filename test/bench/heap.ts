import { createServer } from "node:net";
import { number, object } from "valibot";
import { Anything, openInspector } from "./inspector.ts";

/** The heap of a Worker's isolate, as its inspector tells it. */
export interface Heap {
  /** KiB that are in use once the garbage is collected. */
  usedKiB(): Promise<number>;
  close(): void;
}

/** @param port of the development server's inspector; the Worker has answered a request already */
export async function inspectHeap(port: number): Promise<Heap> {
  const inspector = await openInspector(`127.0.0.1:${port}`, "ws");
  await inspector.call("Runtime.enable", Anything);
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

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
