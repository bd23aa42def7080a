import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";

/** The requests that `load` sends to a Worker. */
export interface LoadPlan {
  readonly origin: string;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** The ETag of each path. With it, all requests are conditional, and the responses 304. */
  readonly etags?: ReadonlyMap<string, string>;
}

/**
 * Requests every path once, as fast as the Worker responds, over keep-alive connections. HTTP is written and parsed
 * here, because the clients of Node take longer for a request than a small Worker does.
 * @returns the total time in milliseconds
 * @throws if a response has another status than 200, or 304 for conditional requests
 */
export async function load(
  { origin, paths, headers, etags }: LoadPlan,
  connections: number,
): Promise<number> {
  const { host, hostname, port } = new URL(origin);
  const fields = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const requests = paths.map((path) => {
    const condition = etags ? `If-None-Match: ${etags.get(path)}\r\n` : "";
    return `GET ${path} HTTP/1.1\r\n${fields.join("")}${condition}\r\n`;
  });
  const statusLine = `HTTP/1.1 ${etags ? 304 : 200} `;
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
            if (!text.startsWith(statusLine)) socket.destroy(new Error(text.slice(0, 500)));
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
  if (text.startsWith("HTTP/1.1 304 ")) return true;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1];
  return length === undefined ? text.endsWith("\r\n0\r\n\r\n") : text.length === end + 4 + Number(length);
}

/** Returns the CPU time of a process in milliseconds, by the scheduler's clock: the sum of its threads. */
export function cpuMs(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.reduce((sum, task) => {
    const text = readFileSync(`/proc/${pid}/task/${task}/sched`, "utf8");
    return sum + Number(/^se\.sum_exec_runtime\s*:\s*(\S+)/m.exec(text)?.[1]);
  }, 0);
}
