import { readFileSync } from "node:fs";
import { connect } from "node:net";

/** The requests that `load` sends to a Worker. */
export interface LoadPlan {
  readonly origin: string;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Requests every path once, as fast as the Worker responds, over keep-alive connections. HTTP is written and parsed
 * here, because the clients of Node take longer for a request than a small Worker does.
 * @returns the total time in milliseconds
 * @throws if a response has a status other than 200
 */
export async function load({ origin, paths, headers }: LoadPlan, connections: number): Promise<number> {
  const { host, hostname, port } = new URL(origin);
  const fields = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const requests = paths.map((path) => `GET ${path} HTTP/1.1\r\n${fields.join("")}\r\n`);
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(Number(port), hostname);
          socket.setNoDelay(true);
          let text = "";
          const sendNext = () => {
            const request = requests[next];
            next += 1;
            if (request === undefined) socket.end();
            else socket.write(request);
          };
          socket.setEncoding("latin1");
          socket.on("connect", sendNext);
          socket.on("data", (chunk) => {
            text += String(chunk);
            if (!isComplete(text)) return;
            if (!text.startsWith("HTTP/1.1 200 ")) socket.destroy(new Error(text.slice(0, 500)));
            text = "";
            sendNext();
          });
          socket.on("error", reject);
          socket.on("close", () => resolve());
        }),
    ),
  );
  return performance.now() - startedAt;
}

/** Whether `text` is a complete HTTP response. */
function isComplete(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1];
  return length === undefined ? text.endsWith("\r\n0\r\n\r\n") : text.length === end + 4 + Number(length);
}

/** The unit in which Linux counts the CPU time of processes. */
const TICK_MS = 10;

/** Returns the CPU time of a process in milliseconds. */
export function cpuMs(pid: number): number {
  // The name in front of it is in parentheses and can contain any character.
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user = 0, system = 0] = fields.split(" ").slice(11, 13).map(Number);
  return (user + system) * TICK_MS;
}
