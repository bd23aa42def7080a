import { custom, object, safeParse } from "valibot";
import { parsePreferences } from "../http/preferences.ts";
import type { AppContext } from "../middleware/app-env.ts";

/** Languages of the web UI. The first is the fallback. */
const LANGUAGES = ["en", "ja", "zh-Hans", "zh-Hant"] as const;
type Language = (typeof LANGUAGES)[number];

const Bindings = object({
  ASSETS: custom<Pick<Fetcher, "fetch">>(
    (binding) => typeof binding === "object" && binding !== null && "fetch" in binding,
  ),
});

/** Open Graph requires an absolute URL, and the build does not know the host. */
const PICTURE = 'content="/';

/** `GET /`: the web UI in the language of `?lang` or Accept-Language. */
export async function getHome(context: AppContext): Promise<Response> {
  const bindings = safeParse(Bindings, context.env);
  if (!bindings.success) return context.notFound();
  const { req } = context;
  const language = negotiateLanguage(req.query("lang"), req.header("Accept-Language"));
  const asset = await bindings.output.ASSETS.fetch(new URL(`/page/${language}`, req.url));
  const headers = new Headers({
    "Content-Language": language,
    Vary: "Accept-Language",
    // A deployment renames the script and the style sheet, so an outdated page would link to missing files.
    "Cache-Control": "public, max-age=0, must-revalidate",
  });
  for (const name of ["Content-Type", "ETag"]) {
    const value = asset.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const html = (await asset.text()).replace(PICTURE, `content="${new URL(req.url).origin}/`);
  return new Response(html, { status: asset.status, headers });
}

/** The language of `lang` if it is supported, else the first supported one of Accept-Language (RFC 9110, 12.5.4). */
function negotiateLanguage(lang: string | undefined, acceptLanguage: string | undefined): Language {
  const ranges = parsePreferences(acceptLanguage)?.filter(({ q }) => q > 0) ?? [];
  const tags = [lang ?? "", ...ranges.map(({ type }) => type)];
  return tags.map(languageOf).find((language) => language !== undefined) ?? LANGUAGES[0];
}

/** The supported language of a tag. Chinese has two by its script or, without one, by its region (RFC 5646). */
function languageOf(tag: string): Language | undefined {
  const [primary, ...subtags] = tag.toLowerCase().split("-");
  if (primary !== "zh") return LANGUAGES.find((language) => language === primary);
  if (subtags.includes("hans")) return "zh-Hans";
  return subtags.some((subtag) => ["hant", "hk", "mo", "tw"].includes(subtag)) ? "zh-Hant" : "zh-Hans";
}
