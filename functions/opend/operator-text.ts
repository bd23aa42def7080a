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
/** Characters of the beginning of a secret, and of a line of the RSA key. */
const MIN_PREFIX_LENGTH = 6;
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

/** Without control characters, digests, and secrets in any case, whole or from their beginning. In its length otherwise. */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  // The private key first: its lines are secrets too, and may be too short for one.
  let result = text.slice(0, MAX_SEARCHED_LENGTH).replace(INVISIBLE, "").replace(PRIVATE_KEY, MARK);
  // Whole secrets first: the beginning of one may be a part of another.
  for (const secret of secrets) result = withoutPrefix(result, secret, secret.length);
  for (const secret of secrets) result = withoutPrefix(result, secret, MIN_PREFIX_LENGTH);
  return result.replace(DIGEST, MARK).replaceAll(MARK, REDACTED);
}

/** Without the first characters of a secret, `minLength` or more of them. The case does not matter. */
function withoutPrefix(text: string, secret: string, minLength: number): string {
  const [folded, wanted] = [foldCase(text), foldCase(secret)];
  if (wanted === "" || wanted.length < minLength) return text;
  const prefix = wanted.slice(0, minLength);
  let result = "";
  let end = 0;
  for (;;) {
    const start = folded.indexOf(prefix, end);
    if (start < 0) return result + text.slice(end);
    let length = minLength;
    while (length < wanted.length && folded[start + length] === wanted[length]) length += 1;
    result += text.slice(end, start) + MARK;
    end = start + length;
  }
}

/** In lower case, and with the same length. */
function foldCase(text: string): string {
  return text.replace(/\p{Lu}/gu, (letter) => {
    const lower = letter.toLowerCase();
    return lower.length === letter.length ? lower : letter;
  });
}
