import { type GenericSchema, number, object, optional, parse, unknown } from "valibot";
import { WebSocket } from "ws";

/** The inspector of a Worker's isolate. It speaks the Chrome DevTools Protocol. */
export interface Inspector {
  call<Result>(method: string, result: GenericSchema<unknown, Result>, params?: object): Promise<Result>;
  close(): void;
}

const Message = object({ id: optional(number()), result: optional(unknown()) });
/** The schema of a result that is ignored. */
export const Anything = unknown();

/**
 * Connects to the inspector of a Worker that has served at least one request.
 * @param host host and port of the inspector
 */
export async function openInspector(host: string, path: string): Promise<Inspector> {
  // The inspector accepts only connections with a local origin.
  const socket = new WebSocket(`ws://${host}/${path}`, { origin: "http://localhost" });
  const pending = new Map<number, (result: unknown) => void>();
  let lastId = 0;
  socket.on("message", (data) => {
    const { id, result } = parse(Message, JSON.parse(String(data)));
    if (id !== undefined) pending.get(id)?.(result);
  });
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  return {
    async call(method, schema, params = {}) {
      lastId += 1;
      const id = lastId;
      socket.send(JSON.stringify({ id, method, params }));
      const result = await new Promise((resolve) => pending.set(id, resolve));
      pending.delete(id);
      return parse(schema, result);
    },
    close: () => socket.close(),
  };
}
