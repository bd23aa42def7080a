import type { Config } from "../../../functions/env.ts";
import { Failure } from "../../../functions/errors.ts";
import { operatorTextOf, redactSecrets, secretsOf } from "../../../functions/opend/operator-text.ts";
import { formatSymbol } from "../../../functions/short-interest/symbol.ts";
import { ASKED_SYMBOLS } from "./questions.ts";

const REDACTED = "[redacted]";

/** What may identify an operator in a text of OpenD. A report goes to strangers, so a harmless text may be lost. */
const IDENTIFYING: readonly RegExp[] = [
  // URLs, e-mail addresses, IPv6 addresses.
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'，。]*/gi,
  /[\w.+-]+@[\w.-]+/g,
  /\[?(?:[0-9a-f]{0,4}:){2,}[0-9a-f.]*\]?(?::\d+)?/gi,
  // Host names and IPv4 addresses with a port. Also versions and codes of other securities.
  /[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\.?(?::\d+)?/gi,
  // Accounts, telephone numbers and dates.
  /\+?\d[\d ()-]{4,}\d/g,
  // Keys and digests. A name of an error has no digits.
  /(?=[a-z+/_=-]*\d)[a-z0-9+/_=-]{20,}|\b(?=[a-z]*\d)[0-9a-f]{8,}\b/gi,
];
const DIGITS = /\d{3,}/g;
/** Stands for a symbol meanwhile. Control characters occur in no text. */
const MARKS = ASKED_SYMBOLS.map((symbol, index) => ({
  symbol: formatSymbol(symbol),
  mark: `\u0001${String.fromCharCode(97 + index)}\u0001`,
}));

export interface RefusalFacts {
  readonly code: string;
  readonly ret_type?: number | undefined;
  readonly header_error?: number | undefined;
  /** OpenD's text, without what identifies the operator; absent if OpenD sent no refusal. */
  readonly text?: string | undefined;
}

/** Describes failures without keys, addresses, host names and accounts. */
export type DescribeFailure = (failure: Failure) => RefusalFacts;

export function createDescribeFailure({ opend, upstash }: Config): DescribeFailure {
  const hosts = [opend.url, new URL(upstash.url)].flatMap(({ host, hostname }) => [host, hostname]);
  const secrets = [...secretsOf(opend), upstash.token, ...hosts].sort(
    (one, other) => other.length - one.length,
  );
  return (failure) => {
    const { code, detail, opendReply } = failure;
    if (opendReply === undefined) return { code };
    const isHeader = opendReply.error !== undefined;
    const redacted = redact(redactSecrets(opendReply.text, secrets), hosts, isHeader);
    const reply = new Failure(code, detail, { opendReply: { ...opendReply, text: redacted } });
    const said = operatorTextOf(reply, opend);
    return { code, ret_type: said?.ret_type, header_error: said?.error, text: said?.text };
  };
}

function redact(text: string, hosts: readonly string[], isHeader: boolean): string {
  let result = text;
  for (const host of hosts) result = replaceIgnoringCase(result, host);
  for (const { symbol, mark } of MARKS) result = result.replaceAll(symbol, mark);
  for (const pattern of IDENTIFYING) result = result.replace(pattern, REDACTED);
  // A header text has 20 bytes, so an account may be cut.
  if (isHeader) result = result.replace(DIGITS, REDACTED);
  for (const { symbol, mark } of MARKS) result = result.replaceAll(mark, symbol);
  return result;
}

function replaceIgnoringCase(text: string, host: string): string {
  const pattern = host.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text.replace(new RegExp(pattern, "gi"), REDACTED);
}
