import { requestPublication } from "./publication-socket.ts";

/** `npm run dev:publish -- US.AAPL` publishes the next row of a symbol in the running `npm run dev`. */

const [symbol, ...rest] = process.argv.slice(2);
try {
  if (symbol === undefined || rest.length > 0) throw new Error("usage: npm run dev:publish -- SYMBOL");
  console.log(await requestPublication(process.env.PORT ?? "8787", symbol));
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exitCode = 1;
}
