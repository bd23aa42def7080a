/** Values of If-None-Match for the strong ETag `tag`, and the expected status of the response. */
export function ifNoneMatchCases(tag: string): readonly { ifNoneMatch: string; status: 200 | 304 }[] {
  const matching = ["*", tag, `W/${tag}`, `"other", ${tag}`, `W/"a",W/${tag} , "b"`, `"a,b", ${tag}`];
  const notMatching = ['"*"', '"other"', 'W/"other", "another"', tag.slice(1, -1), `"x${tag.slice(1)}`];
  return [
    ...matching.map((ifNoneMatch) => ({ ifNoneMatch, status: 304 }) as const),
    ...notMatching.map((ifNoneMatch) => ({ ifNoneMatch, status: 200 }) as const),
  ];
}
