import { custom, object, safeParse } from "valibot";
import { parsePreferences } from "../http/preferences.ts";
import type { AppContext } from "../middleware/app-env.ts";

/** The languages of the page; the first is for who wants none of them. */
const LANGUAGES = ["en", "ja", "zh"] as const;
type Language = (typeof LANGUAGES)[number];

const Bindings = object({
  ASSETS: custom<Pick<Fetcher, "fetch">>(
    (binding) => typeof binding === "object" && binding !== null && "fetch" in binding,
  ),
});

/** `GET /`: the page for people, in their language. */
export async function getFront(context: AppContext): Promise<Response> {
  const bindings = safeParse(Bindings, context.env);
  if (!bindings.success) return context.notFound();
  const { req } = context;
  const language = languageFor(req.query("lang"), req.header("Accept-Language"));
  const asset = await bindings.output.ASSETS.fetch(new URL(`/page/${language}`, req.url));
  const headers = new Headers({
    "Content-Language": language,
    Vary: "Accept-Language",
    // It names its script and styles, so that it may not be older than they are.
    "Cache-Control": "public, max-age=0, must-revalidate",
  });
  for (const name of ["Content-Type", "ETag"]) {
    const value = asset.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(asset.body, { status: asset.status, headers });
}

/** The language that is asked for, or else the first wanted one that there is (RFC 9110, 12.5.4). */
function languageFor(asked: string | undefined, wanted: string | undefined): Language {
  const ranges = parsePreferences(wanted)?.filter(({ q }) => q > 0) ?? [];
  const inOrder = [asked, ...ranges.map(({ type }) => type)];
  const known = inOrder.map((range) => LANGUAGES.find((each) => each === range?.toLowerCase().split("-")[0]));
  return known.find((each) => each !== undefined) ?? LANGUAGES[0];
}
