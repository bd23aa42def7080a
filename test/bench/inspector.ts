import { type GenericSchema, number, object, optional, parse, unknown } from "valibot";
import { WebSocket } from "ws";

/** The inspector of a Worker's isolate, in Chrome's DevTools protocol. */
export interface Inspector {
  call<Result>(method: string, result: GenericSchema<unknown, Result>, params?: object): Promise<Result>;
  close(): void;
}

const Message = object({ id: optional(number()), result: optional(unknown()) });
/** For calls whose result says nothing. */
export const Anything = unknown();

/** @param host and port of the inspector; the Worker has answered a request already */
export async function openInspector(host: string, path: string): Promise<Inspector> {
  // The inspector lets in only whom it takes for a developer's tool.
  const socket = new WebSocket(`ws://${host}/${path}`, { origin: "http://localhost" });
  const waiting = new Map<number, (result: unknown) => void>();
  let last = 0;
  socket.on("message", (data) => {
    const { id, result } = parse(Message, JSON.parse(String(data)));
    if (id !== undefined) waiting.get(id)?.(result);
  });
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  return {
    async call(method, schema, params = {}) {
      last += 1;
      const id = last;
      socket.send(JSON.stringify({ id, method, params }));
      const result = await new Promise((resolve) => waiting.set(id, resolve));
      waiting.delete(id);
      return parse(schema, result);
    },
    close: () => socket.close(),
  };
}
