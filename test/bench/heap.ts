import { createServer } from "node:net";
import { WebSocket } from "ws";

/** The heap of a Worker's isolate, as its inspector tells it. */
export interface Heap {
  /** KiB that are in use once the garbage is collected. */
  usedKiB(): Promise<number>;
  close(): void;
}

/** @param port of the inspector; the Worker has answered a request already */
export async function inspectHeap(port: number): Promise<Heap> {
  // The inspector lets in only whom it takes for a developer's tool.
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { origin: "http://localhost" });
  const waiting = new Map<number, (result: { usedSize: number }) => void>();
  let last = 0;
  socket.on("message", (data) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result: { usedSize: number } };
    if (id === undefined) return;
    waiting.get(id)?.(result);
  });
  await new Promise((resolve) => socket.on("open", resolve));
  const call = (method: string) => {
    last += 1;
    const id = last;
    socket.send(JSON.stringify({ id, method }));
    return new Promise<{ usedSize: number }>((resolve) => waiting.set(id, resolve));
  };
  await call("Runtime.enable");
  await call("HeapProfiler.enable");
  return {
    async usedKiB() {
      // The garbage is collected for a snapshot; asked to collect it alone, workerd does not answer.
      await call("HeapProfiler.takeHeapSnapshot");
      return (await call("Runtime.getHeapUsage")).usedSize / 1_024;
    },
    close: () => socket.close(),
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
