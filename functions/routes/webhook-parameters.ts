import * as v from "valibot";
import { symbolList } from "../http/parameters.ts";
import { LONGEST_URL } from "../webhooks/endpoint.ts";
import { SECRET } from "../webhooks/signature.ts";

/** What `/v1/webhooks` is told, in bodies of JSON. */

const LONGEST_DESCRIPTION = 200;

/** Checked by `parseEndpoint`, which tells what is wrong with it more exactly. */
const url = v.pipe(
  v.string("url is a URL that begins with https://"),
  v.minLength(1, "url is empty"),
  v.maxLength(LONGEST_URL, `url has at most ${LONGEST_URL} characters`),
  v.description(
    "Where messages are sent to: https, a name of the internet, and no port, user name or password.",
  ),
  v.examples(["https://example.com/short-interest"]),
);

const DESCRIPTION = `description is a text of at most ${LONGEST_DESCRIPTION} printable characters`;
const description = v.pipe(
  v.string(DESCRIPTION),
  v.maxLength(LONGEST_DESCRIPTION, DESCRIPTION),
  v.check((text) => /^[^\p{Cc}\p{Cn}\p{Co}\p{Cs}]*$/u.test(text), DESCRIPTION),
  v.description("For whoever reads the list of webhooks."),
);

const SECRET_IS = "secret is whsec_ and 24 to 64 bytes in base64";
const secret = v.pipe(
  v.string(SECRET_IS),
  v.regex(SECRET, SECRET_IS),
  v.description(
    "What messages are signed with, so that the receiver knows it before the first one; made up if absent.",
  ),
);

const active = v.pipe(
  v.boolean("active is true or false"),
  v.description("false stops messages; true begins again, also where they were stopped for another reason."),
);

const BODY = "There is no such member";

export const NewWebhook = v.strictObject(
  { url, symbols: symbolList, description: v.optional(description, ""), secret: v.optional(secret) },
  BODY,
);

export const WebhookChanges = v.strictObject(
  {
    url: v.optional(url),
    symbols: v.optional(symbolList),
    description: v.optional(description),
    active: v.optional(active),
  },
  BODY,
);

const revoke = v.pipe(
  v.boolean("revoke is true or false"),
  v.description("true ends all older secrets at once, as after a leak; with false they sign for a day more."),
);

export const NewSecret = v.strictObject(
  { secret: v.optional(secret), revoke: v.optional(revoke, false) },
  BODY,
);

export const Nothing = v.strictObject({}, BODY);
