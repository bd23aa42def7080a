import { rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Failure } from "../../functions/errors.ts";

/** `npm run dev:publish` talks to `npm run dev` over a local socket, which the port of the Worker names. */

type Publish = (symbol: string) => Promise<string>;

const isWindows = process.platform === "win32";

/** Only the user of the demo can connect. */
function socketOf(port: string): string {
  const name = `short-interest-edge-${port}`;
  return isWindows ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
}

/**
 * Serves publications.
 * @param port of the Worker
 */
export async function servePublications(port: string, publish: Publish): Promise<() => Promise<void>> {
  const server = createServer(async (incoming, response) => {
    try {
      response.end(await publish(await text(incoming)));
    } catch (thrown) {
      response.writeHead(400).end(Failure.from(thrown).detail);
    }
  });
  const socket = socketOf(port);
  // Of a demo that was killed. The port belongs to this one now.
  if (!isWindows) await rm(socket, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

/**
 * Publishes the next row of a symbol in the demo of a port.
 * @returns a sentence about the publication
 * @throws Error with the reason
 */
export function requestPublication(port: string, symbol: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socketOf(port), method: "POST" }, async (response) => {
      const body = await text(response);
      if (response.statusCode === 200) resolve(body);
      else reject(new Error(body));
    });
    sent.on("error", () =>
      reject(
        new Error(`npm run dev is not running with sample data on port ${port}; PORT selects another port`),
      ),
    );
    sent.end(symbol);
  });
}
