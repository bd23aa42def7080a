import { Failure } from "../../../functions/errors.ts";
import { isServerFailure } from "../../../functions/opend/errors.ts";
import { formatSymbol } from "../../../functions/short-interest/symbol.ts";
import { pagesOf } from "./row-assumptions.ts";
import { type Assumption, contradicted, notSeen, type Seen, verdict, verdictOf } from "./verdict.ts";

/** What the code assumes about refusals. */
export const REFUSAL_ASSUMPTIONS: readonly Assumption[] = [
  {
    id: "refusal-in-body",
    statement: "OpenD refuses in the body of a reply, with a header error of 0.",
    otherwise: "The service does not know the reason: pages get an error of OpenD.",
    judge: ({ observations, describe }) =>
      verdictOf(
        observations.flatMap(({ question, answer }) => {
          const name = formatSymbol(question.symbol);
          // A page has a header error of 0 too, but it is no refusal.
          if (!(answer instanceof Failure)) return [];
          const { ret_type, header_error, text } = describe(answer);
          if (ret_type === undefined && header_error === undefined) return [];
          const holds = header_error === undefined;
          return [{ holds, evidence: `${name}: ${holds ? 0 : `${header_error} "${text ?? ""}"`}` }];
        }),
        "no refusal",
      ),
  },
  {
    id: "known-refusals",
    statement: "The service knows the texts with which OpenD refuses securities.",
    otherwise: "Pages get the error opend_failed; the log has the text.",
    judge: (seen) =>
      verdictOf(
        refusalsOf(seen).map(({ name, code, text }) => {
          return { holds: code !== "opend_failed", evidence: `${name}: ${code}: "${text}"` };
        }),
        "no refusal",
      ),
  },
  {
    id: "chinese-refusals",
    statement: "OpenD's texts are Chinese, as in the vendor's examples.",
    otherwise: "No effect: the service knows texts in English too.",
    judge: (seen) =>
      verdictOf(
        refusalsOf(seen)
          .filter(({ text }) => /\p{L}/u.test(text))
          .map(({ name, text }) => ({ holds: /\p{Script=Han}/u.test(text), evidence: `${name}: "${text}"` })),
        "no refusal with a text",
      ),
  },
  {
    id: "no-empty-page",
    statement: "OpenD refuses a security without short interest. A first page has rows.",
    otherwise: "The service answers with an empty page, in place of the error unknown_symbol.",
    judge({ observations }) {
      const empty = pagesOf(observations).filter(({ question, rows }) => {
        return question.kind === "first page" && rows.length === 0;
      });
      if (empty.length > 0) return contradicted(`without rows: ${empty.map(({ name }) => name).join(", ")}`);
      // A cursor may be refused with any text.
      const refused = observations.filter(
        ({ question, answer }) => question.kind === "first page" && isUnknown(answer),
      );
      if (refused.length === 0) return notSeen("no refusal");
      return verdict(
        true,
        `refused: ${refused.map(({ question }) => formatSymbol(question.symbol)).join(", ")}`,
      );
    },
  },
  {
    id: "funds",
    statement: "Funds have short interest.",
    otherwise: "Funds get the error unknown_symbol.",
    judge({ observations }) {
      const fund = observations.find(({ question }) => question.subject === "fund");
      if (!fund) return notSeen("not asked");
      const { question, answer } = fund;
      const name = formatSymbol(question.symbol);
      if (answer instanceof Failure) {
        return isUnknown(answer)
          ? contradicted(`${name}: ${answer.code}`)
          : notSeen(`${name}: ${answer.code}`);
      }
      const count = answer.hkItemList.length + answer.usItemList.length;
      return verdict(count > 0, `${name}: ${count} rows`);
    },
  },
];

const isUnknown = (answer: unknown) => answer instanceof Failure && answer.code === "unknown_symbol";

/** OpenD's refusals of securities by a text: of first pages, and not because its own server failed. */
function refusalsOf({ observations, describe }: Seen) {
  return observations.flatMap(({ question, answer }) => {
    if (question.kind !== "first page" || !(answer instanceof Failure)) return [];
    if (answer.opendReply && isServerFailure(answer.opendReply)) return [];
    const { code, ret_type, text = "" } = describe(answer);
    return ret_type === undefined ? [] : [{ name: formatSymbol(question.symbol), code, text }];
  });
}
