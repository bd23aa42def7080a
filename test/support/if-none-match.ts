/** Values of If-None-Match for a representation with the strong ETag `tag`, and the status that each asks for. */
export function ifNoneMatchCases(tag: string): readonly { ifNoneMatch: string; status: 200 | 304 }[] {
  const matching = ["*", tag, `W/${tag}`, `"other", ${tag}`, `W/"a",W/${tag} , "b"`, `"a,b", ${tag}`];
  const others = ['"*"', '"other"', 'W/"other", "another"', tag.slice(1, -1), `"x${tag.slice(1)}`];
  return [
    ...matching.map((ifNoneMatch) => ({ ifNoneMatch, status: 304 }) as const),
    ...others.map((ifNoneMatch) => ({ ifNoneMatch, status: 200 }) as const),
  ];
}
