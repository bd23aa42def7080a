import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** The response to messages at a path. */
export interface ReceiverAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Delay of the response in milliseconds; -1 for no response. */
  readonly afterMs?: number;
  /** The response body never ends. */
  readonly endless?: boolean;
}

export interface Received {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** When the message arrived, Unix time in milliseconds. */
  readonly at: number;
}

export interface Receiver {
  /** Without a path. */
  readonly origin: string;
  readonly received: () => readonly Received[];
  /** Number of endless responses that a client still reads. */
  readonly endless: () => number;
  /** Sets the response at this path. The default is 204. */
  readonly answer: (path: string, answer: ReceiverAnswer) => void;
  readonly close: () => Promise<void>;
}

/** Starts an HTTP server that receives webhook messages. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  let endlessResponses = 0;
  const answers = new Map<string, ReceiverAnswer>();
  const server = createServer(async (request, response) => {
    const { url: path = "/", method = "", headers } = request;
    received.push({ path, method, headers, body: await text(request), at: Date.now() });
    const { status = 204, headers: own = {}, afterMs = 0, endless = false } = answers.get(path) ?? {};
    if (afterMs < 0) return;
    setTimeout(() => {
      response.writeHead(status, own);
      if (!endless) return response.end();
      endlessResponses += 1;
      const writing = setInterval(() => response.write("x".repeat(1_000)), 1);
      response.on("close", () => {
        endlessResponses -= 1;
        clearInterval(writing);
      });
    }, afterMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => received,
    endless: () => endlessResponses,
    answer: (path, answer) => answers.set(path, answer),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
