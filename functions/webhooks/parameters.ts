import * as v from "valibot";
import { symbolList } from "../http/parameters.ts";
import { MAX_URL_LENGTH } from "./endpoint-url.ts";
import { SECRET } from "./signature.ts";

/** JSON bodies of `/v1/webhooks`. */

const MAX_DESCRIPTION_LENGTH = 200;

/** Validated by `parseEndpoint`, whose errors are more exact. */
const url = v.pipe(
  v.string("url must be a URL that begins with https://"),
  v.minLength(1, "url must not be empty"),
  v.maxLength(MAX_URL_LENGTH, `url must have at most ${MAX_URL_LENGTH} characters`),
  v.description(
    "URL to which messages are sent: https, with a public host name and without port, user name or password.",
  ),
  v.examples(["https://example.com/short-interest"]),
);

const DESCRIPTION = `description must be a string of at most ${MAX_DESCRIPTION_LENGTH} printable characters`;
const description = v.pipe(
  v.string(DESCRIPTION),
  v.maxLength(MAX_DESCRIPTION_LENGTH, DESCRIPTION),
  v.check((text) => /^[^\p{Cc}\p{Cn}\p{Co}\p{Cs}]*$/u.test(text), DESCRIPTION),
  v.description("Your description of the webhook."),
);

const INVALID_SECRET = "secret must be whsec_ followed by 24 to 64 bytes in base64";
const secret = v.pipe(
  v.string(INVALID_SECRET),
  v.regex(SECRET, INVALID_SECRET),
  v.description(
    "Signing secret: whsec_ followed by 24 to 64 bytes in base64. Generated if omitted. Set it so that the endpoint can verify the first test message.",
  ),
);

const active = v.pipe(
  v.boolean("active must be true or false"),
  v.description("false pauses the webhook. true resumes it, whatever made it inactive."),
);

const UNKNOWN_MEMBER = "Unknown member";

export const NewWebhook = v.strictObject(
  { url, symbols: symbolList, description: v.optional(description, ""), secret: v.optional(secret) },
  UNKNOWN_MEMBER,
);

export const WebhookChanges = v.strictObject(
  {
    url: v.optional(url),
    symbols: v.optional(symbolList),
    description: v.optional(description),
    active: v.optional(active),
  },
  UNKNOWN_MEMBER,
);

const revoke = v.pipe(
  v.boolean("revoke must be true or false"),
  v.description(
    "true revokes all previous secrets at once: use it after a leak. With false, they also sign for one more day.",
  ),
);

export const NewSecret = v.strictObject(
  { secret: v.optional(secret), revoke: v.optional(revoke, false) },
  UNKNOWN_MEMBER,
);

const INVALID_SINCE = "since must be a Unix time in whole seconds";
const since = v.pipe(
  v.number(INVALID_SINCE),
  v.integer(INVALID_SINCE),
  v.description(
    "Time of the earliest message, Unix time in seconds: not in the future, and at most 14 days ago.",
  ),
  v.examples([1778400000]),
);

export const ReplayRequest = v.strictObject({ since }, UNKNOWN_MEMBER);

export const Nothing = v.strictObject({}, UNKNOWN_MEMBER);
