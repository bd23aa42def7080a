import { writeFileSync } from "node:fs";
import type { Config } from "../../../functions/env.ts";
import { type Check, type Finding, failed, ok, warning } from "../check.ts";
import type { OpendState } from "../opend.ts";
import type { WithPermit } from "../page-call.ts";
import { makeReport, type Report } from "./report.ts";

/** In the current directory. */
const REPORT_FILE = "opend-report.json";

/**
 * Writes a report on OpenD.
 * @param withPermit undefined if Upstash is unavailable, so that no call can be made
 */
export function reportCheck(config: Config, state: OpendState, withPermit: WithPermit | undefined): Check {
  return {
    name: "opend report",
    exit: 39,
    async run() {
      const report = await makeReport(config, state.session, withPermit, Date.now);
      try {
        writeFileSync(REPORT_FILE, `${JSON.stringify(report, null, 2)}\n`);
      } catch {
        return failed(`cannot write ${REPORT_FILE}`, "Run the doctor in a directory that you may write.");
      }
      return summarize(report);
    },
  };
}

function summarize({ calls, assumptions }: Report): Finding {
  const withStatus = (status: string) => assumptions.filter((assumption) => assumption.status === status);
  const [contradicted, unseen] = [withStatus("contradicted"), withStatus("not seen")];
  const message = `${REPORT_FILE} (calls: ${calls.length}): ${withStatus("confirmed").length} assumptions confirmed, ${contradicted.length} contradicted, ${unseen.length} not seen`;
  if (contradicted.length === 0) return ok(message);
  const names = contradicted.map(({ id }) => id).join(", ");
  return warning(message, `Contradicted: ${names}. Read the report, and attach it to an issue.`);
}
