import { parseEnv } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import { openSession } from "../../functions/opend/session.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import type { WithPermit } from "../../scripts/doctor/page-call.ts";
import { makeReport } from "../../scripts/doctor/report/report.ts";
import { connectFromNode, NoUpgrade, nodeWith } from "../../scripts/doctor/runtime.ts";
import { type OpendOptions, startOpend } from "../stand-ins/opend.ts";
import { PUBLIC } from "./public-access.ts";

/** Between the publication of the newest sample rows and that of the next ones. */
const NOW = Date.UTC(2026, 4, 12);

export interface ReportOptions {
  /** Variables of the service. */
  readonly vars?: Readonly<Record<string, string>>;
  readonly withPermit?: WithPermit;
  /** Unix time, milliseconds. */
  readonly now?: number;
}

/** Makes a report on a stand-in with these options, and counts its calls. */
export async function reportOn(
  options: OpendOptions,
  { vars = {}, withPermit = (call) => call(), now = NOW }: ReportOptions = {},
) {
  const opend = await startOpend(options);
  try {
    const config = parseEnv({
      ...PUBLIC,
      OPEND_URL: opend.url,
      ...(options.key ? { OPEND_KEY: options.key } : {}),
      UPSTASH_REDIS_REST_URL: "http://127.0.0.1:1",
      UPSTASH_REDIS_REST_TOKEN: "token",
      ...vars,
    });
    // The report knows only the variables, which may have another address.
    const address = { ...config.opend, url: new URL(opend.url) };
    const connection = await connectFromNode(address, DEADLINES.connect);
    if (connection instanceof NoUpgrade) throw new Error("The stand-in accepts all upgrades");
    const { signal } = new AbortController();
    const session = await openSession(address, DEADLINES, signal, nodeWith(connection)).catch(Failure.from);
    const report = await makeReport(config, session, withPermit, () => now);
    if (!(session instanceof Failure)) session.close();
    connection.drop();
    const withStatus = (status: string) =>
      report.assumptions.filter((assumption) => assumption.status === status).map(({ id }) => id);
    return {
      report,
      stats: opend.stats(),
      contradicted: withStatus("contradicted"),
      notSeen: withStatus("not seen"),
      evidenceOf: (id: string) =>
        report.assumptions.find((assumption) => assumption.id === id)?.evidence ?? "",
    };
  } finally {
    await opend.close();
  }
}
