import protoRoot from "futu-api/proto.js";
import { parsePageReply } from "../../functions/opend/short-interest.ts";
import { pageJson } from "../../functions/short-interest/json.ts";
import { pageOf } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import { inTurns, median } from "./measure.ts";
import type { Report } from "./report.ts";
import { replyOf } from "./sample.ts";

const ROWS = [1, 10, 50];
const ROUNDS = 60;
/** Renderings of a turn, by as many rows as that. */
const ROWS_A_TURN = 10_000;

const symbol = parseSymbol("US.AAPL");
const type = protoRoot.lookupType("Qot_GetShortInterest.Response");

const render = {
  ours: (reply: Uint8Array) => pageJson(symbol, pageOf(symbol.market, "", parsePageReply(reply))),
  theirs: (reply: Uint8Array) => JSON.stringify(type.decode(reply)),
};

/**
 * From the bytes of OpenD's reply to JSON text, in Node, beside protobufjs with the vendor's own descriptors.
 * Ours checks the reply, and writes counts as numbers of all their digits, where the other one writes text.
 */
export async function benchRender(report: Report): Promise<void> {
  report.line("rows    this project    protobufjs");
  for (const rows of ROWS) {
    const reply = replyOf(rows);
    if (!sameRows(render.ours(reply), render.theirs(reply), rows)) {
      report.broken(`${rows} rows are rendered to other values`);
    }
    const times = Math.ceil(ROWS_A_TURN / (rows + 1));
    const turn = (name: "ours" | "theirs") => {
      const began = performance.now();
      for (let time = 0; time < times; time += 1) render[name](reply);
      return (performance.now() - began) / times;
    };
    // V8 makes the code fast first.
    await inTurns(["ours", "theirs"], ROUNDS / 4, turn);
    const turns = await inTurns(["ours", "theirs"], ROUNDS, turn);
    const [ours, theirs] = [median(turns.ours), median(turns.theirs)];
    const microseconds = (ms: number) => `${(1_000 * ms).toFixed(1)} µs`;
    report.line(
      `${String(rows).padStart(4)}${microseconds(ours).padStart(16)}${microseconds(theirs).padStart(14)}`,
    );
    report.compare({ what: `time to render ${rows} rows, beside protobufjs`, value: ours / theirs });
  }
}

/** Compares the values alone, for the two name their columns differently. */
function sameRows(ours: string, theirs: string, rows: number): boolean {
  const texts = (value: unknown) =>
    typeof value === "object" && value !== null
      ? Object.values(value)
          .filter((each) => each !== null)
          .map(String)
          .toSorted()
          .join()
      : "";
  const itemsIn = (value: unknown): unknown[] => {
    if (typeof value !== "object" || value === null) return [];
    return Object.values(value).flatMap((each) => (Array.isArray(each) ? each : itemsIn(each)));
  };
  const [mine, others] = [ours, theirs].map((text) => itemsIn(JSON.parse(text)).map(texts));
  return mine?.length === rows && mine.join(";") === others?.join(";");
}
