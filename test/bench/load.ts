import { readFileSync } from "node:fs";
import { connect } from "node:net";

/** What a Worker is asked, over connections that stay open. */
export interface Question {
  readonly origin: string;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Asks for each of the paths in turn, as fast as answers come, and throws where one is not 200. Node's own
 * clients take longer for a request than a small Worker does, so the bytes are written and read here.
 * @returns milliseconds for all of it
 */
export async function load({ origin, paths, headers }: Question, connections: number): Promise<number> {
  const { host, hostname, port } = new URL(origin);
  const fields = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const requests = paths.map((path) => `GET ${path} HTTP/1.1\r\n${fields.join("")}\r\n`);
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(Number(port), hostname);
          socket.setNoDelay(true);
          let text = "";
          const ask = () => {
            const request = requests[next];
            next += 1;
            if (request === undefined) socket.end();
            else socket.write(request);
          };
          socket.setEncoding("latin1");
          socket.on("connect", ask);
          socket.on("data", (piece) => {
            text += String(piece);
            if (!isWhole(text)) return;
            if (!text.startsWith("HTTP/1.1 200 ")) socket.destroy(new Error(text.slice(0, 500)));
            text = "";
            ask();
          });
          socket.on("error", reject);
          socket.on("close", () => resolve());
        }),
    ),
  );
  return performance.now() - began;
}

/** Whether it is all of an HTTP response. */
function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1];
  return length === undefined ? text.endsWith("\r\n0\r\n\r\n") : text.length === end + 4 + Number(length);
}

/** Of a tick, in which Linux counts the time of processes. */
const TICK_MS = 10;

/** Processor time that a process has used, in milliseconds. */
export function processorMs(pid: number): number {
  // The name before it is in brackets and may hold anything.
  const [, after = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user = 0, system = 0] = after.split(" ").slice(11, 13).map(Number);
  return (user + system) * TICK_MS;
}
