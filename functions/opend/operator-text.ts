import type { Failure } from "../errors.ts";
import type { OpendAddress } from "./connect.ts";

/** A refusal in OpenD's own words, for the operator's log and the doctor. Never for a client. */
export interface OperatorText {
  /** `retType` of the reply; absent for a header error. */
  readonly ret_type?: number | undefined;
  /** Error of the frame header; absent for a reply without one. */
  readonly error?: number | undefined;
  /** At most `MAX_TEXT_LENGTH` UTF-16 code units, without control characters and secrets. */
  readonly text: string;
}

const MAX_TEXT_LENGTH = 200;
/** A longer text is cut before it is searched. */
const MAX_SEARCHED_LENGTH = 10_000;
const REDACTED = "[redacted]";
/** Stands for a secret meanwhile. It occurs in no text and in no secret, because it is a control character. */
const MARK = "\0";

/** Control and format characters: line breaks, terminal escapes, bidirectional controls, halves of surrogate pairs. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
/** OpenD compares the MD5 of a key. Its header text has 20 bytes, so a digest may be cut at the end. */
const DIGEST = /[0-9a-f]{32,}|[0-9a-f]{8,}$/gi;
const PRIVATE_KEY = /-----BEGIN.*?(?:-----END[^-]*-----|$)/g;
/** Characters of a cut secret at the end of a text, and of a line of the RSA key. */
const MIN_CUT_LENGTH = 6;
const MIN_LINE_LENGTH = 16;

/** OpenD's text of a failure; undefined if OpenD sent none. */
export function operatorTextOf({ opendReply }: Failure, address: OpendAddress): OperatorText | undefined {
  if (opendReply === undefined) return undefined;
  const { retType, error, text } = opendReply;
  return { ret_type: retType, error, text: sanitize(text, secretsOf(address)) };
}

/** The secrets of an address, the longest first. */
export function secretsOf({ key, rsaPrivateKey, accessToken }: OpendAddress): string[] {
  const lines = rsaPrivateKey?.split("\n").filter((line) => line.length >= MIN_LINE_LENGTH) ?? [];
  return [key ?? "", accessToken?.clientId ?? "", accessToken?.clientSecret ?? "", ...lines]
    .map((secret) => secret.replace(INVISIBLE, ""))
    .filter((secret) => secret !== "")
    .sort((one, other) => other.length - one.length);
}

function sanitize(text: string, secrets: readonly string[]): string {
  // A cut may leave half of a surrogate pair.
  return redactSecrets(text, secrets).slice(0, MAX_TEXT_LENGTH).replace(INVISIBLE, "");
}

/** Without control characters, secrets and digests, in its length otherwise. */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  // The private key first: its lines are secrets too, and may be too short for one.
  let result = text.slice(0, MAX_SEARCHED_LENGTH).replace(INVISIBLE, "").replace(PRIVATE_KEY, MARK);
  for (const secret of secrets) result = withoutCutSecret(result.replaceAll(secret, MARK), secret);
  return result.replace(DIGEST, MARK).replaceAll(MARK, REDACTED);
}

/** Without the beginning of a secret at the end of a text. */
function withoutCutSecret(text: string, secret: string): string {
  for (let length = secret.length - 1; length >= MIN_CUT_LENGTH; length -= 1) {
    if (text.endsWith(secret.slice(0, length))) return text.slice(0, -length) + MARK;
  }
  return text;
}
