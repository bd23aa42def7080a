import FutuWebsocket from "futu-api";
import { number, object, parse, string } from "valibot";

/**
 * A process of its own for the vendor's client, which writes to the console whatever it does. For each message it
 * connects, logs in, asks for a page and parses it, and answers with the milliseconds that this took.
 */
const Wish = object({ port: number(), code: string() });

const US = 11;
const GET_SHORT_INTEREST = 3249;

process.on("message", async (message) => {
  const { port, code } = parse(Wish, message);
  const client = new FutuWebsocket();
  const began = performance.now();
  await new Promise<void>((resolve, reject) => {
    client.onlogin = (success, reason) => (success ? resolve() : reject(reason));
    client.start("127.0.0.1", port, false, "");
  });
  const c2s = { security: { market: US, code }, num: 10 };
  await client._sendCmd(GET_SHORT_INTEREST, { c2s }, "Qot_GetShortInterest");
  const ms = performance.now() - began;
  client.stop();
  client.websock?.close();
  process.send?.(ms);
});
