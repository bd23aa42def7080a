import type { Config } from "../../../functions/env.ts";
import { Failure } from "../../../functions/errors.ts";
import { operatorTextOf, redactSecrets, secretsOf } from "../../../functions/opend/operator-text.ts";
import { formatSymbol } from "../../../functions/short-interest/symbol.ts";
import { ASKED_SYMBOLS } from "./questions.ts";

const REDACTED = "[redacted]";

/** Parts of a text of OpenD that may identify an operator. A report is public, so harmless parts may be lost. */
const IDENTIFYING: readonly RegExp[] = [
  // The user in a path. A name with spaces ends at the next separator.
  /[\\/](?:Users|home)[\\/](?:[^\\/\r\n"']{1,64}(?=[\\/])|[^\\/\s]+)/gi,
  // URLs, e-mail addresses, IPv6 addresses.
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'，。]*/gi,
  /[\w.+-]+@[\w.-]+/g,
  /\[?(?:[0-9a-f]{0,4}:){2,}[0-9a-f.]*\]?(?::\d+)?/gi,
  // Host names and IPv4 addresses with a port. Also versions and codes of other securities.
  /[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\.?(?::\d+)?/gi,
  // Host names without a dot, with a port. Not a time such as 12:30.
  /(?<![a-z0-9_-])(?!\d{1,2}:\d{2}\b)[a-z0-9_-]+:\d{2,5}\b/gi,
  // Accounts, also masked ones such as 123****89, telephone numbers and dates.
  /\+?\d[\d ()-]{4,}\d/g,
  /\d[\d*]{4,}/g,
  // Keys and digests. A name of an error has no digits.
  /(?=[a-z+/_=-]*\d)[a-z0-9+/_=-]{20,}|\b(?=[a-z]*\d)[0-9a-f]{8,}\b/gi,
];
const DIGITS = /\d{3,}/g;
/**
 * Stand meanwhile for the symbols of the report's calls, and for their codes of digits. Control characters occur in no text.
 * A part of a host name, a path or a key is no symbol.
 */
const MARKS = ASKED_SYMBOLS.flatMap((symbol) =>
  [formatSymbol(symbol), symbol.code].filter((name) => /\d{5}$/.test(name) || name.includes(".")),
).map((name, index) => ({
  name,
  pattern: new RegExp(
    `(?<![\\w*.@/+=-])(?<!:(?=\\d))${name.replace(".", "\\.")}(?![\\w*:@/+=-]|\\.\\w)`,
    "g",
  ),
  mark: `\u0001${String.fromCharCode(97 + index)}\u0001`,
}));

export interface RefusalFacts {
  readonly code: string;
  readonly ret_type?: number | undefined;
  readonly header_error?: number | undefined;
  /** OpenD's text, without parts that may identify the operator; absent if OpenD sent no refusal. */
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
    const redacted = redact(redactSecrets(opendReply.text, secrets), isHeader);
    const reply = new Failure(code, detail, { opendReply: { ...opendReply, text: redacted } });
    const said = operatorTextOf(reply, opend);
    return { code, ret_type: said?.ret_type, header_error: said?.error, text: said?.text };
  };
}

function redact(text: string, isHeader: boolean): string {
  let result = text;
  for (const { pattern, mark } of MARKS) result = result.replace(pattern, mark);
  for (const pattern of IDENTIFYING) result = result.replace(pattern, REDACTED);
  // A header text has 20 bytes, so an account may be cut.
  if (isHeader) result = result.replace(DIGITS, REDACTED);
  for (const { name, mark } of MARKS) result = result.replaceAll(mark, name);
  return result;
}
