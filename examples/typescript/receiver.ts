import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import type { components } from "./api.ts";

/** Receives webhook messages and prints new rows. It needs the webhook's secret in `WEBHOOK_SECRET`. */

type Message = components["schemas"]["PublishedMessage"] | components["schemas"]["TestMessage"];

const { WEBHOOK_SECRET, PORT = "9000" } = process.env;
if (!WEBHOOK_SECRET) throw new Error("WEBHOOK_SECRET is missing");
const webhook = new Webhook(WEBHOOK_SECRET);
// A message may arrive twice. A receiver with several processes needs a shared store instead.
const seen = new Set<string>();

createServer(async (request, response) => {
  const header = (name: string) => String(request.headers[name]);
  const id = header("webhook-id");
  let body: string;
  try {
    // The signature covers the bytes of the body, so it is verified before the body is parsed.
    body = await text(request);
    webhook.verify(body, {
      "webhook-id": id,
      "webhook-timestamp": header("webhook-timestamp"),
      "webhook-signature": header("webhook-signature"),
    });
  } catch {
    response.writeHead(401).end("Invalid signature");
    return;
  }
  response.writeHead(204).end();
  if (seen.has(id)) return;
  seen.add(id);
  const message: Message = JSON.parse(body);
  if (message.type === "short_interest.published") {
    console.log(message.data.symbol, message.data.row.timestamp_str, message.data.row.close_price);
  }
}).listen(Number(PORT), () => console.log(`Listening on port ${PORT}`));
