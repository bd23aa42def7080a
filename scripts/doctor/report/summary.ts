import { type Finding, ok, warning } from "../check.ts";
import type { Report } from "./report.ts";

/** In the current directory. */
export const REPORT_FILE = "opend-report.json";

/** One line about a report, for the output of the doctor. */
export function summarize({ calls, assumptions }: Report): Finding {
  const withStatus = (status: string) => assumptions.filter((assumption) => assumption.status === status);
  const [contradicted, unseen] = [withStatus("contradicted"), withStatus("not seen")];
  const message = `${REPORT_FILE} written after ${calls.length} calls: ${withStatus("confirmed").length} assumptions confirmed, ${contradicted.length} contradicted, ${unseen.length} not seen`;
  if (contradicted.length === 0) return ok(message);
  return warning(
    message,
    `Contradicted: ${contradicted.map(({ id }) => id).join(", ")}. Read the report, and attach it to an issue.`,
  );
}
