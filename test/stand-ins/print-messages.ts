import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

/**
 * `npm run dev:receiver`: a webhook receiver for `npm run dev`. It prints each message that is signed with `WEBHOOK_SECRET`,
 * and answers GET requests with the messages so far. `examples/` has receivers to copy.
 */

const { WEBHOOK_SECRET, RECEIVER_PORT = "9000" } = process.env;
if (!WEBHOOK_SECRET) {
  console.error("WEBHOOK_SECRET is not set");
  process.exit(1);
}
const webhook = new Webhook(WEBHOOK_SECRET);
const messages: string[] = [];

const server = createServer(async (request, response) => {
  if (request.method === "GET") {
    response.end(messages.map((message) => `${message}\n`).join(""));
    return;
  }
  const body = await text(request);
  try {
    const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
    webhook.verify(body, Object.fromEntries(headers));
  } catch {
    response.writeHead(401).end("Invalid signature\n");
    return;
  }
  response.writeHead(204).end();
  messages.push(body);
  console.log(body);
});
server.on("error", (error) => {
  console.error(
    `Port ${RECEIVER_PORT} is not available (${error.message}). RECEIVER_PORT selects another port.`,
  );
  process.exit(1);
});
server.listen(Number(RECEIVER_PORT), "localhost", () =>
  console.log(`Receiver: http://localhost:${RECEIVER_PORT}`),
);
