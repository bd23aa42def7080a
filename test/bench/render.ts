import protoRoot from "futu-api/proto.js";
import { parsePageReply } from "../../functions/opend/short-interest.ts";
import { pageJson } from "../../functions/short-interest/json.ts";
import { pageOf } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import { interleave, median } from "./measure.ts";
import type { Report } from "./report.ts";
import { replyOf } from "./sample.ts";

const ROWS = [1, 10, 50];
const ROUNDS = 60;
const PROGRAMS = ["own", "protobufjs"] as const;
/** Rows per measurement, approximately. */
const ROWS_PER_MEASUREMENT = 10_000;

const symbol = parseSymbol("US.AAPL");
const type = protoRoot.lookupType("Qot_GetShortInterest.Response");

const render = {
  own: (reply: Uint8Array) => pageJson(symbol, pageOf(symbol.market, "", parsePageReply(reply))),
  protobufjs: (reply: Uint8Array) => JSON.stringify(type.decode(reply)),
};

/** The time of 50 rows, relative to protobufjs, at most. */
const MAX_RATIO = 1.15;

/**
 * Measures the time in Node from the bytes of an OpenD reply to JSON text: decode, check, and write this project's
 * columns. protobufjs decodes the same bytes with the vendor's descriptors, and `JSON.stringify` writes the fields.
 * Both texts must have the same values, not the same names.
 */
export async function benchRender(report: Report): Promise<void> {
  report.line("rows    this project    protobufjs");
  for (const rows of ROWS) {
    const reply = replyOf(rows);
    if (!haveSameRows(render.own(reply), render.protobufjs(reply), rows)) {
      report.fail(`${rows} rows are rendered with other values`);
    }
    const repetitions = Math.ceil(ROWS_PER_MEASUREMENT / (rows + 1));
    const measure = (name: (typeof PROGRAMS)[number]) => {
      const startedAt = performance.now();
      for (let count = 0; count < repetitions; count += 1) render[name](reply);
      return (performance.now() - startedAt) / repetitions;
    };
    // Lets V8 optimize the code.
    await interleave(PROGRAMS, ROUNDS / 4, measure);
    const results = await interleave(PROGRAMS, ROUNDS, measure);
    const [own, protobufjs] = [median(results.own), median(results.protobufjs)];
    const microseconds = (ms: number) => `${(1_000 * ms).toFixed(1)} µs`;
    report.line(
      `${String(rows).padStart(4)}${microseconds(own).padStart(16)}${microseconds(protobufjs).padStart(14)}`,
    );
    report.compare({
      name: `time from OpenD's bytes to JSON, ${rows} ${rows === 1 ? "row" : "rows"}, relative to protobufjs`,
      value: own / protobufjs,
      ...(rows === 50 && { target: { max: MAX_RATIO } }),
    });
  }
}

/** Compares only the values, because the two name the columns differently. */
function haveSameRows(own: string, protobufjs: string, rows: number): boolean {
  const valuesOf = (value: unknown) =>
    typeof value === "object" && value !== null
      ? Object.values(value)
          .filter((field) => field !== null)
          .map(String)
          .toSorted()
          .join()
      : "";
  const itemsIn = (value: unknown): unknown[] => {
    if (typeof value !== "object" || value === null) return [];
    return Object.values(value).flatMap((field) => (Array.isArray(field) ? field : itemsIn(field)));
  };
  const [ownRows, otherRows] = [own, protobufjs].map((text) => itemsIn(JSON.parse(text)).map(valuesOf));
  return ownRows?.length === rows && ownRows.join(";") === otherRows?.join(";");
}
