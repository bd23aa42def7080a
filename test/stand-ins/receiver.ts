import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A webhook receiver's response at a path. */
export interface ReceiverResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Time before the response, in milliseconds; -1 for none: the connection closes when the response of the path changes. */
  readonly delayMs?: number;
  /** The body never ends. */
  readonly endless?: boolean;
}

export interface ReceivedRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Unix time, milliseconds. */
  readonly receivedAt: number;
}

export interface Receiver {
  readonly origin: string;
  readonly received: () => readonly ReceivedRequest[];
  /** Endless responses whose client has not disconnected. */
  readonly openEndlessResponses: () => number;
  /** Sets the response at a path. The default is 204. */
  readonly setResponse: (path: string, setResponse: ReceiverResponse) => void;
  readonly close: () => Promise<void>;
}

/** Starts an HTTP server that receives webhook messages. */
export async function startReceiver(): Promise<Receiver> {
  const received: ReceivedRequest[] = [];
  let endlessResponses = 0;
  const answers = new Map<string, ReceiverResponse>();
  const unanswered = new Map<string, ServerResponse[]>();
  const server = createServer(async (request, response) => {
    const { url: path = "/", method = "", headers } = request;
    received.push({ path, method, headers, body: await text(request), receivedAt: Date.now() });
    const { status = 204, headers: own = {}, delayMs = 0, endless = false } = answers.get(path) ?? {};
    if (delayMs < 0) {
      unanswered.set(path, [...(unanswered.get(path) ?? []), response]);
      return;
    }
    setTimeout(() => {
      response.writeHead(status, own);
      if (!endless) return response.end();
      endlessResponses += 1;
      const writing = setInterval(() => response.write("x".repeat(1_000)), 1);
      response.on("close", () => {
        endlessResponses -= 1;
        clearInterval(writing);
      });
    }, delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => received,
    openEndlessResponses: () => endlessResponses,
    setResponse(path, answer) {
      answers.set(path, answer);
      for (const response of unanswered.get(path) ?? []) response.destroy();
      unanswered.delete(path);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
