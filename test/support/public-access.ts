/** The variable that lets a service without API keys run. Keys win over it, so that every test may set it. */
export const PUBLIC = { PUBLIC_ACCESS: "yes" } as const;
